package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/spindrift-go/spindrift/sockets"
)

// ours is the handler of a client connection of our own: it sends a message when
// the one before has come back.
type ours struct {
	*slot
	rounds int
	cut    bool // stop the connection's actor in the end
	want   *frame.Frame
	told   chan *sockets.Closed
	wrong  error
}

// ours lives one life of a connection of our own; false if something was wrong
// with it.
func (s *slot) ours(ctx context.Context, rounds int) bool {
	o := &ours{slot: s, rounds: rounds, cut: s.IntN(4) == 0, told: make(chan *sockets.Closed, 1)}
	s.asked.Add(1)
	_, err := sockets.DialActor(ctx, s.server.system, "ws://"+s.server.addr+"/own", &sockets.UpgradeClient{
		Spawn:   actor.PropsFromProducer(func() actor.Actor { return o }),
		Options: &sockets.Options{Compression: &pipeline.Compression{}, Portable: s.portable, CloseTimeout: grace},
		Dialer: sockets.Dialer{Timeout: grace, NetDial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return s.dial(ctx)
		}},
	})
	if err != nil {
		return s.judge(ctx, "our dial", err)
	}
	s.upgraded.Add(1)
	end := <-o.told
	switch {
	case o.wrong != nil:
		return s.judge(ctx, "our client", o.wrong)
	case o.cut && end.Err != nil:
		s.ended("our stop")
	case end.Clean && end.By == sockets.Local && !s.draining.Load(): // to the server a drain's Close that crossed ours came first
		s.ended("our close")
	default:
		return s.judge(ctx, "our client", fmt.Errorf("%+v", *end))
	}
	return true
}

// Receive is a turn of the handler.
func (o *ours) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *sockets.Upgraded:
		ctx.Respond(o.message())
	case *frame.Frame:
		if m.Opcode != o.want.Opcode || !bytes.Equal(m.Payload, o.want.Payload) {
			o.wrong = mismatch(fmt.Sprintf("our client: %d bytes came back as %d others", len(o.want.Payload), len(m.Payload)))
			ctx.Send(ctx.Sender(), frame.Close(frame.Normal, ""))
			return
		}
		o.echoed(len(m.Payload))
		m.Release()
		if o.rounds--; o.rounds > 0 {
			conn := ctx.Sender()
			time.AfterFunc(o.wait(), func() { o.server.system.Root.Send(conn, o.message()) })
		} else if o.cut {
			ctx.Stop(ctx.Sender())
		} else {
			ctx.Respond(frame.Close(frame.Normal, "enough"))
		}
	case *sockets.Closed:
		o.told <- m
	}
}

// message is the next one to send, and to come back.
func (o *ours) message() *frame.Frame {
	text := o.IntN(4) == 0
	o.want = frame.Binary(o.slot.message(text))
	if text {
		o.want.Opcode = frame.OpText
	}
	return o.want
}
