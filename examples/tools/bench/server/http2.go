package main

import (
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/spindrift-go/spindrift/examples/tools/bench/serve"
)

func http2Contenders() []serve.Contender {
	return []serve.Contender{{
		Name: "raw-http2", Kind: "floor", About: "net/http's HTTP/2 with a handler that reads, unmasks and writes, with no checks: the floor over HTTP/2",
		Room: "-", UTF8: "off", Rows: []string{"http2"}, Serve: serveRawHTTP2,
	}}
}

func serveRawHTTP2(ln net.Listener, s serve.Setup) error {
	server := &http.Server{Handler: http.HandlerFunc(rawStream), Protocols: s.Protocols(), HTTP2: &http.HTTP2Config{MaxReceiveBufferPerStream: 64 << 10}}
	return server.Serve(ln)
}

// rawStream answers an extended CONNECT and echoes. A read of no bytes waits for some, so a stream that is idle has no buffers.
func rawStream(w http.ResponseWriter, r *http.Request) {
	control := http.NewResponseController(w)
	control.SetReadDeadline(time.Time{})
	control.SetWriteDeadline(time.Time{})
	w.WriteHeader(http.StatusOK)
	control.Flush()
	var frames echoer
	var rest []byte
	for {
		if _, err := r.Body.Read(nil); err != nil {
			return
		}
		buffers := rawBuffers.Get().(*rawBuffer)
		held := copy(buffers.in[:], rest)
		n, err := r.Body.Read(buffers.in[held:])
		if err == nil {
			var left []byte
			buffers.out, left, err = frames.echo(buffers.out[:0], buffers.in[:held+n])
			rest = append(rest[:0], left...)
		}
		if err == nil && len(buffers.out) > 0 {
			if _, err = w.Write(buffers.out); err == nil {
				err = control.Flush()
			}
		}
		rawBuffers.Put(buffers)
		if err != nil {
			return
		}
	}
}

type rawBuffer struct {
	in  [largeRead]byte
	out []byte
}

var rawBuffers = sync.Pool{New: func() any { return new(rawBuffer) }}
