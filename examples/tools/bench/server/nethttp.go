package main

import (
	"crypto/tls"
	"net"
	"net/http"

	"github.com/spindrift-go/spindrift/examples/tools/bench/serve"
)

func httpContenders() []serve.Contender {
	return []serve.Contender{{
		Name: "nethttp", Kind: "peer", About: "net/http, nothing else", Room: "-", UTF8: "-", Rows: []string{"http", "http-actor"},
		Serve: func(ln net.Listener, s serve.Setup) error { return serveHTTP(ln, s, serve.PlainMux()) },
	}}
}

// serveHTTP serves echo, room and plain response with net/http.
func serveHTTP(ln net.Listener, s serve.Setup, handler http.Handler) error {
	if s.TLS != nil {
		ln = tls.NewListener(ln, s.TLS)
	}
	return http.Serve(ln, handler)
}
