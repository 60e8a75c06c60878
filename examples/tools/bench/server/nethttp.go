package main

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"time"
)

func httpContenders() []contender {
	rows := []string{"http", "http-actor"}
	return []contender{
		{
			Name: "nethttp", Kind: "peer", About: "net/http, nothing else", Room: "-", UTF8: "-", Rows: rows,
			serve: func(ln net.Listener, s setup) error { return serveHTTP(ln, s, plainMux()) },
		},
		{
			Name: "nethttp-bounded", Kind: "peer", About: "net/http with the time limits that actor mode has: of a header, an answer and an idle connection",
			Room: "-", UTF8: "-", Rows: rows[1:], serve: serveBounded,
		},
	}
}

// serveBounded is net/http as it should face the internet, and as actor mode sets it.
func serveBounded(ln net.Listener, s setup) error {
	server := &http.Server{
		Handler: plainMux(), TLSConfig: s.tls,
		ReadHeaderTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second, IdleTimeout: 60 * time.Second,
	}
	if s.tls != nil {
		return server.ServeTLS(ln, "", "")
	}
	return server.Serve(ln)
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
