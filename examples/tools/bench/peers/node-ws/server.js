// The bench's echo server on Node: / echoes, /broadcast sends every message to everyone there, /plain is a plain response.
//   node server.js PORT [deflate]
import { createServer } from 'node:http';
import { WebSocket, WebSocketServer } from 'ws';

const [port, deflate] = process.argv.slice(2);

const http = createServer((request, response) => {
  response.writeHead(200, { 'Content-Type': 'text/plain', 'Content-Length': '5' });
  response.end('hello');
});

const server = new WebSocketServer({
  server: http,
  maxPayload: 64 * 1024 * 1024,
  perMessageDeflate: deflate === 'deflate' && {
    serverNoContextTakeover: true,
    clientNoContextTakeover: true,
    threshold: 0,
    zlibDeflateOptions: { level: 1 },
  },
});

const everyone = new Set();

server.on('connection', (socket, request) => {
  const room = request.url === '/broadcast';
  if (room) {
    everyone.add(socket);
    socket.on('close', () => everyone.delete(socket));
  }
  socket.on('error', () => socket.terminate());
  socket.on('message', (data, binary) => {
    if (!room) {
      socket.send(data, { binary });
      return;
    }
    for (const member of everyone) {
      if (member.readyState === WebSocket.OPEN) member.send(data, { binary });
    }
  });
});

http.listen({ port: Number(port), host: '127.0.0.1', backlog: 4096 });
