package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/sockets"
)

// A host is a server of ours.
type host struct {
	server *sockets.Server
	system *actor.ActorSystem
	addr   string
	events chan any
}

// routes are the options of WebSockets by path; those of "" are for all others.
type routes map[string]*sockets.Options

// serve starts a server on a free port: a page at / for browsers, WebSockets on
// every other path.
func serve(system *actor.ActorSystem, paths routes, secure *authority) (*host, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	h := &host{system: system, addr: l.Addr().String(), events: make(chan any, 256)}
	h.server = &sockets.Server{
		System: system,
		Server: http.Server{Handler: h.handler(paths), ReadHeaderTimeout: 10 * time.Second},
	}
	if secure != nil {
		h.server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{secure.pair}}
		go h.server.ServeTLS(l, "", "")
	} else {
		go h.server.Serve(l)
	}
	return h, nil
}

func (h *host) handler(paths routes) http.Handler {
	upgrades := map[string]*sockets.Handler{}
	for path, options := range paths {
		upgrades[path] = &sockets.Handler{System: h.system, Spawn: handler(h.events), Options: options}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			w.Header().Set("Content-Type", "text/html")
			io.WriteString(w, `<!doctype html><link rel="icon" href="data:,">`)
			return
		}
		upgrade := upgrades[r.URL.Path]
		if upgrade == nil {
			upgrade = upgrades[""]
		}
		upgrade.ServeHTTP(w, r)
	})
}

func (h *host) accept(ctx context.Context) (*talk, error) {
	return open(ctx, h.system, h.events, false)
}

// shutdown wants the server to be left with nothing.
func (h *host) shutdown(ctx context.Context) error {
	d, err := h.server.ShutdownResult(ctx)
	if err == nil && d != (sockets.DrainResult{}) {
		err = fmt.Errorf("%d connections were left", d.Asked)
	}
	return err
}

// dial opens our client's end.
func dial(ctx context.Context, system *actor.ActorSystem, url string, u sockets.UpgradeClient) (*talk, error) {
	events := make(chan any, 256)
	u.Spawn = handler(events)
	if _, err := sockets.DialActor(ctx, system, url, &u); err != nil {
		return nil, err
	}
	return open(ctx, system, events, true)
}

// trusting is how a client connects that knows the authority.
func (a *authority) trusting() sockets.Dialer {
	return sockets.Dialer{TLS: &tls.Config{RootCAs: a.roots}}
}
