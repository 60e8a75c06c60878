package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/actors"
	"github.com/spindrift-go/spindrift/examples/tools/bench/serve"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/spindrift-go/spindrift/sockets"
)

func spindriftContenders() []serve.Contender {
	rows := []string{"echo", "deflate", "tls", "broadcast", "room"}
	const room = "no: its Room"
	return []serve.Contender{
		{
			Name: "spindrift", Kind: "ours", About: "a handler actor for each connection, in drop-in mode; plain HTTP through the same server",
			Room: room, UTF8: "on", Rows: append([]string{"http", "http2"}, rows...),
			Serve: func(ln net.Listener, s serve.Setup) error { return serveSpindrift(ln, s, spindriftSetup{}) },
		},
		{
			Name: "spindrift-shared", Kind: "ours", About: "one handler actor for all connections", Room: room, UTF8: "on", Rows: rows,
			Serve: func(ln net.Listener, s serve.Setup) error { return serveSpindrift(ln, s, spindriftSetup{shared: true}) },
		},
		{
			Name: "spindrift-portable", Kind: "ours", About: "a handler actor and, in place of the poller, a goroutine for each connection", Room: room, UTF8: "on", Rows: rows,
			Serve: func(ln net.Listener, s serve.Setup) error {
				return serveSpindrift(ln, s, spindriftSetup{portable: true})
			},
		},
		{
			Name: "spindrift-conn", Kind: "ours", About: "ordinary code on a Conn, as in gorilla's and coder's examples: a session, with a goroutine, for each connection",
			Room: room, UTF8: "on", Rows: append([]string{"http2"}, rows...),
			Serve: func(ln net.Listener, s serve.Setup) error { return serveSpindrift(ln, s, spindriftSetup{conn: true}) },
		},
		{
			Name: "spindrift-hub", Kind: "ours", About: "a room by hand: one handler actor for all connections, which sends each message to every connection's",
			Room: "no: output is queued for each member", UTF8: "on", Rows: []string{"broadcast", "room"},
			Serve: func(ln net.Listener, s serve.Setup) error { return serveSpindrift(ln, s, spindriftSetup{hub: true}) },
		},
		{
			Name: "spindrift-listener", Kind: "ours", About: "actor mode: one listener actor, on the connections' dispatcher, is sent all requests", Room: "-", UTF8: "-",
			Rows: []string{"http-actor"}, Serve: func(ln net.Listener, s serve.Setup) error { return serveListener(ln, s, true) },
		},
		{
			Name: "spindrift-listener-own", Kind: "ours", About: "the same with the listener on proto.actor's own dispatcher", Room: "-", UTF8: "-",
			Rows: []string{"http-actor"}, Serve: func(ln net.Listener, s serve.Setup) error { return serveListener(ln, s, false) },
		},
	}
}

type spindriftSetup struct{ shared, portable, conn, hub bool }

func serveSpindrift(ln net.Listener, s serve.Setup, how spindriftSetup) error {
	system := sockets.NewSystem()
	dispatcher := actors.RuntimeOf(system).Dispatcher().Option()
	const longest = 64 << 20
	options := &sockets.Options{MaxFrame: longest, MaxMessage: longest, Portable: how.portable}
	if s.Deflate {
		options.Compression = &pipeline.Compression{Level: 1}
	}
	echo := &sockets.Handler{System: system, Options: options}
	if how.shared {
		echo.FrameHandler = system.Root.Spawn(actor.PropsFromFunc(echoFrame, dispatcher))
	} else {
		echo.Spawn = actor.PropsFromFunc(echoFrame)
	}
	room := sockets.NewRoom(&sockets.RoomOptions{System: system})
	all := &sockets.Handler{System: system, Options: options}
	join := func(ctx actor.Context) {
		switch m := ctx.Message().(type) {
		case *sockets.Upgraded:
			_ = room.Join(ctx.Sender(), "")
		case *frame.Frame:
			_ = room.Send(m)
		}
	}
	switch {
	case how.hub:
		hub := func() actor.Actor { return &frameHub{members: map[*actor.PID]struct{}{}} }
		all.FrameHandler = system.Root.Spawn(actor.PropsFromProducer(hub, dispatcher))
	case how.shared:
		all.FrameHandler = system.Root.Spawn(actor.PropsFromFunc(join, dispatcher))
	default:
		all.Spawn = actor.PropsFromFunc(join)
	}
	mux := serve.PlainMux()
	if how.conn {
		mux.Handle("/", &sockets.SessionHandler{Serve: echoConn, Options: options})
		mux.Handle("/broadcast", &sockets.SessionHandler{Serve: chatConn(room), Options: options})
	} else {
		mux.Handle("/", echo)
		mux.Handle("/broadcast", all)
	}

	server := &sockets.Server{System: system, Server: http.Server{Handler: mux, TLSConfig: s.TLS, Protocols: s.Protocols()}}
	if s.TLS != nil {
		return server.ServeTLS(ln, "", "")
	}
	return server.Serve(ln)
}

// serveListener has a listener actor answer every request.
func serveListener(ln net.Listener, s serve.Setup, dispatched bool) error {
	system := sockets.NewSystem()
	props := actor.PropsFromFunc(answerPlain)
	if dispatched {
		props.Configure(sockets.Dispatcher(system))
	}
	server := &sockets.Server{System: system, Listener: system.Root.Spawn(props), Server: http.Server{TLSConfig: s.TLS}}
	if s.TLS != nil {
		return server.ServeTLS(ln, "", "")
	}
	return server.Serve(ln)
}

func answerPlain(ctx actor.Context) {
	if _, ok := ctx.Message().(*http.Request); ok {
		ctx.Respond(&http.Response{
			Header: http.Header{"Content-Type": {"text/plain"}}, ContentLength: int64(len(serve.Hello)), Body: io.NopCloser(strings.NewReader(serve.Hello)),
		})
	}
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

// chatConn serves a member of a room.
func chatConn(room sockets.Room) func(context.Context, *sockets.Conn) error {
	return func(ctx context.Context, c *sockets.Conn) error {
		if err := room.Join(c.PID(), ""); err != nil {
			return err
		}
		for m, err := range c.Messages(ctx) {
			if err != nil {
				return err
			}
			_ = room.Send(m)
		}
		return nil
	}
}

// frameHub sends every frame to everyone.
type frameHub struct{ members map[*actor.PID]struct{} }

func (r *frameHub) Receive(ctx actor.Context) {
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
