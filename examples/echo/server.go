package main

import (
	"embed"
	"net/http"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/spindrift-go/spindrift/sockets"
)

//go:embed page.html page.css page.js panel.js
var page embed.FS

// server is a sockets.Server with what its page shows.
type server struct {
	*sockets.Server
	hub      hub
	counters sockets.Counters // of echoes: of the page's own two connections nothing is counted
}

func newServer(portable bool) *server {
	s := &server{Server: &sockets.Server{
		System: sockets.NewSystem(),
		Server: http.Server{ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: sockets.MaxHeaderBytes},
	}}
	s.hub.system = s.System
	options := sockets.Options{Compression: &pipeline.Compression{}, Portable: portable, ReportRTT: true, Observers: []*sockets.Observer{s.counters.Observer()}}
	usual := &sockets.UpgradeServer{
		Spawn:   actor.PropsFromProducer(func() actor.Actor { return &echo{} }),
		Options: &options,
	}
	echoes := &sockets.Handler{System: s.System, New: func(r *http.Request) (*sockets.UpgradeServer, error) {
		offered, watcher := sockets.Subprotocols(r), s.hub.watcher(r)
		if len(offered) == 0 && watcher == nil {
			return usual, nil
		}
		terms := options
		if len(offered) > 0 {
			terms.Subprotocols = offered[:1] // it is an echo in any
		}
		u := *usual
		u.Options = &terms
		if watcher != nil {
			u.Spawn = actor.PropsFromProducer(func() actor.Actor { return &echo{watcher} })
			u.Stages = []pipeline.Stage{watcher.stage()}
		}
		return &u, nil
	}}
	files := http.FileServerFS(page)
	watch := sockets.Session(s.hub.watch)
	stats := sockets.Session(s.stats)
	s.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		plain := !sockets.IsUpgrade(r) && (r.Method == http.MethodGet || r.Method == http.MethodHead)
		switch {
		case plain && r.URL.Path == "/":
			w.Header().Set("Content-Security-Policy", "default-src 'self'; connect-src *; img-src data:")
			http.ServeFileFS(w, r, page, "page.html")
		case plain && (r.URL.Path == "/page.css" || r.URL.Path == "/page.js" || r.URL.Path == "/panel.js"):
			files.ServeHTTP(w, r)
		case r.URL.Path == "/spindrift/watch":
			watch.ServeHTTP(w, r)
		case r.URL.Path == "/spindrift/stats":
			stats.ServeHTTP(w, r)
		default:
			echoes.ServeHTTP(w, r)
		}
	})
	return s
}

// echo is the handler of one connection.
type echo struct{ watcher *watcher } // nil: nobody watches

// Receive sends every message back.
func (e *echo) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *frame.Frame:
		if n := e.watcher.pieces(); n > 1 && len(m.Payload) > 1 {
			for _, f := range fragments(m, n) {
				ctx.Respond(f)
			}
			return
		}
		ctx.Respond(m.Handover())
	case *sockets.Upgraded:
		e.watcher.connected(ctx.Sender(), m)
	case *sockets.RoundTripTime:
		e.watcher.roundTrip(m)
	case *sockets.Closed:
		e.watcher.closed(m)
	}
}

// fragments is a message in n frames, or one for each byte.
func fragments(m *frame.Frame, n int) (all []*frame.Frame) {
	n = min(n, len(m.Payload))
	op := m.Opcode
	for i := range n {
		piece := m.Payload[i*len(m.Payload)/n : (i+1)*len(m.Payload)/n]
		all = append(all, frame.Fragment(op, i == n-1, piece))
		op = frame.OpContinuation
	}
	return all
}
