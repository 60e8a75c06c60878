//! The bench's echo server on tokio-tungstenite: `tokio-tungstenite PORT`.

use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let port = std::env::args().nth(1).expect("usage: tokio-tungstenite PORT");
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(echo(stream));
    }
}

/// Answers every message. Answers to messages that came in one read leave in one write.
async fn echo(stream: TcpStream) {
    let config = WebSocketConfig::default().max_message_size(None).max_frame_size(None);
    let Ok(mut socket) = tokio_tungstenite::accept_async_with_config(stream, Some(config)).await else {
        return;
    };
    while let Some(Ok(message)) = socket.next().await {
        if !(message.is_text() || message.is_binary()) {
            continue;
        }
        if socket.feed(message).await.is_err() {
            return;
        }
        loop {
            match futures_util::FutureExt::now_or_never(socket.next()) {
                Some(Some(Ok(message))) if message.is_text() || message.is_binary() => {
                    if socket.feed(message).await.is_err() {
                        return;
                    }
                }
                Some(Some(Ok(_))) => continue,
                Some(_) => return,
                None => break,
            }
        }
        if socket.flush().await.is_err() {
            return;
        }
    }
}
