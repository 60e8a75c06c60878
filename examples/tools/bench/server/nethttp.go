package main

import (
	"crypto/tls"
	"net"
	"net/http"
	"time"

	"github.com/spindrift-go/spindrift/examples/tools/bench/serve"
)

func httpContenders() []serve.Contender {
	rows := []string{"http", "http-actor"}
	return []serve.Contender{
		{
			Name: "nethttp", Kind: "peer", About: "net/http, nothing else", Room: "-", UTF8: "-", Rows: rows,
			Serve: func(ln net.Listener, s serve.Setup) error { return serveHTTP(ln, s, serve.PlainMux()) },
		},
		{
			Name: "nethttp-bounded", Kind: "peer", About: "net/http with the time limits that actor mode has: of a header, an answer and an idle connection",
			Room: "-", UTF8: "-", Rows: rows[1:], Serve: serveBounded,
		},
	}
}

// serveBounded is net/http as it should face the internet, and as actor mode sets it.
func serveBounded(ln net.Listener, s serve.Setup) error {
	server := &http.Server{
		Handler: serve.PlainMux(), TLSConfig: s.TLS,
		ReadHeaderTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second, IdleTimeout: 60 * time.Second,
	}
	if s.TLS != nil {
		return server.ServeTLS(ln, "", "")
	}
	return server.Serve(ln)
}

// serveHTTP serves echo, room and plain response with net/http.
func serveHTTP(ln net.Listener, s serve.Setup, handler http.Handler) error {
	if s.TLS != nil {
		ln = tls.NewListener(ln, s.TLS)
	}
	return http.Serve(ln, handler)
}
