// Package http2 switches on WebSockets over HTTP/2, RFC 8441, for the whole process:
//
//	import _ "github.com/spindrift-go/spindrift/sockets/http2"
//
// net/http has an extended CONNECT, which is what such a WebSocket begins with, and offers it
// only where GODEBUG says http2xconnect=1 when the program starts. This import adds that to the
// environment before net/http looks, unless it says something about http2xconnect already: what
// whoever started the program wants, 0 too, stands. A program can import it in main, and
// libraries should not.
//
// It is process-wide. Every http.Server of the program then offers it, and so do programs that
// this one starts and that import this or are Go; and a browser prefers a WebSocket over the
// HTTP/2 connection that it has. A [sockets.Server] serves it on all routes that serve
// WebSockets over HTTP/1, and refuses it on all others. Under another server the same is done by
// [sockets.ExtendedConnect]; a route that hijacks, of another WebSocket library for instance,
// can only refuse.
//
// Clients of this module speak HTTP/1.1: net/http's Transport cannot open such a stream yet.
//
// [sockets.Server]: https://pkg.go.dev/github.com/spindrift-go/spindrift/sockets#Server
// [sockets.ExtendedConnect]: https://pkg.go.dev/github.com/spindrift-go/spindrift/sockets#ExtendedConnect
package http2

import "os" // and nothing else: see init

const setting = "http2xconnect="

// init runs before net/http's, which reads the variable: Go initialises packages whose imports
// are ready in the order of their paths, and net/http has many more to wait for.
func init() {
	if debug := os.Getenv("GODEBUG"); debug == "" {
		os.Setenv("GODEBUG", setting+"1")
	} else if !mentions(debug) {
		os.Setenv("GODEBUG", debug+","+setting+"1")
	}
}

func mentions(debug string) bool {
	for i := 0; i+len(setting) <= len(debug); i++ {
		if debug[i:i+len(setting)] == setting && (i == 0 || debug[i-1] == ',') {
			return true
		}
	}
	return false
}
