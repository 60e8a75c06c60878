package main

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
)

func httpContenders() []contender {
	return []contender{{
		Name: "nethttp", Kind: "peer", About: "net/http, nothing else", Room: "-", UTF8: "-", Rows: []string{"http", "http-actor"},
		serve: func(ln net.Listener, s setup) error { return serveHTTP(ln, s, plainMux()) },
	}}
}

// plainMux answers /plain.
func plainMux() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("/plain", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		io.WriteString(w, hello)
	})
	return mux
}

const hello = "hello"

// serveHTTP serves echo, room and plain response with net/http.
func serveHTTP(ln net.Listener, s setup, handler http.Handler) error {
	if s.tls != nil {
		ln = tls.NewListener(ln, s.tls)
	}
	return http.Serve(ln, handler)
}

// webMux is plainMux with an upgrade on / and one on /broadcast.
func webMux(upgrade func(w http.ResponseWriter, r *http.Request, broadcast bool)) *http.ServeMux {
	mux := plainMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { upgrade(w, r, false) })
	mux.HandleFunc("/broadcast", func(w http.ResponseWriter, r *http.Request) { upgrade(w, r, true) })
	return mux
}
