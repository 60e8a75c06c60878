package main

import (
	"context"
	"net"
	"net/http"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/actors"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/spindrift-go/spindrift/sockets"
)

func spindriftContenders() []contender {
	rows := []string{"echo", "deflate", "tls", "broadcast"}
	const room = "no: one actor sends to every connection's"
	return []contender{
		{
			Name: "spindrift", Kind: "ours", About: "a handler actor for each connection, in drop-in mode; plain HTTP through the same server",
			Room: room, UTF8: "on", Rows: append([]string{"http"}, rows...),
			serve: func(ln net.Listener, s setup) error { return serveSpindrift(ln, s, spindriftSetup{}) },
		},
		{
			Name: "spindrift-shared", Kind: "ours", About: "one handler actor for all connections", Room: room, UTF8: "on", Rows: rows,
			serve: func(ln net.Listener, s setup) error { return serveSpindrift(ln, s, spindriftSetup{shared: true}) },
		},
		{
			Name: "spindrift-portable", Kind: "ours", About: "a handler actor and, in place of the poller, a goroutine for each connection", Room: room, UTF8: "on", Rows: rows,
			serve: func(ln net.Listener, s setup) error { return serveSpindrift(ln, s, spindriftSetup{portable: true}) },
		},
		{
			Name: "spindrift-conn", Kind: "ours", About: "ordinary code on a Conn, as in gorilla's and coder's examples: a session, with a goroutine, for each connection",
			Room: room, UTF8: "on", Rows: rows,
			serve: func(ln net.Listener, s setup) error { return serveSpindrift(ln, s, spindriftSetup{conn: true}) },
		},
	}
}

type spindriftSetup struct{ shared, portable, conn bool }

func serveSpindrift(ln net.Listener, s setup, how spindriftSetup) error {
	system := sockets.NewSystem()
	dispatcher := actors.RuntimeOf(system).Dispatcher().Option()
	const longest = 64 << 20
	options := &sockets.Options{MaxFrame: longest, MaxMessage: longest, Portable: how.portable}
	if s.deflate {
		options.Compression = &pipeline.Compression{Level: 1}
	}
	echo := &sockets.Handler{System: system, Options: options}
	if how.shared {
		echo.FrameHandler = system.Root.Spawn(actor.PropsFromFunc(echoFrame, dispatcher))
	} else {
		echo.Spawn = actor.PropsFromFunc(echoFrame)
	}
	everyone := system.Root.Spawn(actor.PropsFromProducer(func() actor.Actor { return &frameRoom{members: map[*actor.PID]struct{}{}} }, dispatcher))
	mux := plainMux()
	if how.conn {
		mux.Handle("/", &sockets.SessionHandler{Serve: echoConn, Options: options})
	} else {
		mux.Handle("/", echo)
	}
	mux.Handle("/broadcast", &sockets.Handler{System: system, Options: options, FrameHandler: everyone})

	server := &sockets.Server{System: system, Server: http.Server{Handler: mux, TLSConfig: s.tls}}
	if s.tls != nil {
		return server.ServeTLS(ln, "", "")
	}
	return server.Serve(ln)
}

func echoConn(ctx context.Context, c *sockets.Conn) error {
	for m, err := range c.Messages(ctx) {
		if err != nil {
			return err
		}
		if err := c.Send(ctx, m.Handover()); err != nil {
			return err
		}
	}
	return nil
}

func echoFrame(ctx actor.Context) {
	if f, ok := ctx.Message().(*frame.Frame); ok {
		ctx.Respond(f.Handover())
	}
}

// frameRoom sends every frame to everyone.
type frameRoom struct{ members map[*actor.PID]struct{} }

func (r *frameRoom) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *sockets.Upgraded:
		r.members[ctx.Sender()] = struct{}{}
	case *frame.Frame:
		for member := range r.members {
			ctx.Send(member, m)
		}
	case *sockets.Closed:
		delete(r.members, ctx.Sender())
	}
}
