// Command http2 serves a page and its WebSockets over one connection of HTTP/2, and over HTTP/1.1 to whoever does not speak
// that. A browser needs TLS for HTTP/2, so it wants a certificate; without one it is HTTP/2 in clear, for a proxy in front.
package main

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"

	"github.com/spindrift-go/spindrift/sockets"
	_ "github.com/spindrift-go/spindrift/sockets/http2" // switches it on, for the whole process
)

func main() {
	addr := flag.String("addr", "localhost:8443", "`HOST:PORT` to serve")
	cert := flag.String("cert", "", "`FILE` of the certificate; none: in clear")
	key := flag.String("key", "", "`FILE` of its key")
	flag.Usage = func() { fmt.Fprintln(os.Stderr, "usage: http2 [-addr HOST:PORT] [-cert FILE -key FILE]") }
	flag.Parse()
	s := server(*addr)
	scheme, serve := "http", s.ListenAndServe
	if *cert != "" {
		scheme, serve = "https", func() error { return s.ListenAndServeTLS(*cert, *key) }
	}
	fmt.Printf("serving %s://%s/\n", scheme, *addr)
	if err := serve(); err != nil {
		fmt.Fprintln(os.Stderr, "http2:", err)
		os.Exit(1)
	}
}

func server(addr string) *sockets.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)            // over TLS
	protocols.SetUnencryptedHTTP2(true) // in clear; leave it out where no proxy is in front
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", page)
	mux.Handle("GET /echo", sockets.Session(echo)) // the same route for both versions
	return &sockets.Server{Server: http.Server{Addr: addr, Handler: mux, Protocols: protocols}}
}

func echo(ctx context.Context, c *sockets.Conn) error {
	if err := c.SendText(ctx, "this came over "+c.Request().Proto); err != nil {
		return err
	}
	for m, err := range c.Messages(ctx) {
		if err != nil {
			return err
		}
		if err := c.Send(ctx, m); err != nil {
			return err
		}
	}
	return nil
}

func page(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	fmt.Fprint(w, `<!doctype html><title>http2</title><pre id="log"></pre><script>
const socket = new WebSocket(location.origin.replace("http", "ws") + "/echo");
socket.onmessage = (m) => { log.textContent += m.data + "\n"; };
</script>`)
}
