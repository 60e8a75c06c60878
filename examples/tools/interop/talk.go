package main

import (
	"context"
	"fmt"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets"
)

// A talk is our end of one WebSocket, written down as a script: what the actor
// gets is put in a row, and read from there.
type talk struct {
	system *actor.ActorSystem
	client bool
	hello  *sockets.Upgraded
	conn   *actor.PID
	events chan any
}

// arrived is what a handler got, and from which connection.
type arrived struct {
	from    *actor.PID
	message any
}

// handler forwards a connection's messages to events. The cases make a handful.
// Backpressure and Drained depend on the weather, and are left out.
func handler(events chan any) *actor.Props {
	return actor.PropsFromFunc(func(ctx actor.Context) {
		switch m := ctx.Message().(type) {
		case *sockets.Upgraded:
			events <- arrived{ctx.Sender(), m}
		case *frame.Frame, *sockets.RoundTripTime, *sockets.Closed:
			events <- m
		}
	})
}

// open waits for the Upgraded of a talk and makes the talk of it.
func open(ctx context.Context, system *actor.ActorSystem, events chan any, client bool) (*talk, error) {
	t := &talk{system: system, client: client, events: events}
	event, err := t.next(ctx)
	if err != nil {
		return nil, fmt.Errorf("upgrade: %w", err)
	}
	a, ok := event.(arrived)
	if !ok {
		return nil, fmt.Errorf("first came %s", show(event))
	}
	t.conn, t.hello = a.from, a.message.(*sockets.Upgraded)
	return t, nil
}

func (t *talk) next(ctx context.Context) (any, error) {
	select {
	case event := <-t.events:
		return event, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func (t *talk) send(messages ...any) {
	for _, m := range messages {
		t.system.Root.Send(t.conn, m)
	}
}

// wantFrame waits for a whole message that is exactly want.
func (t *talk) wantFrame(ctx context.Context, want *frame.Frame) error {
	event, err := t.next(ctx)
	if err != nil {
		return fmt.Errorf("no %s: %w", show(want), err)
	}
	f, ok := event.(*frame.Frame)
	if !ok || f.Opcode != want.Opcode || !f.Fin || string(f.Payload) != string(want.Payload) {
		return fmt.Errorf("%s in place of %s", show(event), show(want))
	}
	return nil
}

// wantTrip waits for the round trip time of the Ping with payload.
func (t *talk) wantTrip(ctx context.Context, payload string) error {
	event, err := t.next(ctx)
	if err != nil {
		return fmt.Errorf("no round trip time: %w", err)
	}
	trip, ok := event.(*sockets.RoundTripTime)
	if !ok || string(trip.Payload) != payload || trip.Duration <= 0 || trip.Duration > time.Minute {
		return fmt.Errorf("%s in place of the round trip time of %q", show(event), payload)
	}
	return nil
}

// wantClosed waits for the end, exactly as it should be, and that nothing follows.
func (t *talk) wantClosed(ctx context.Context, want sockets.Closed) error {
	event, err := t.next(ctx)
	if err != nil {
		return fmt.Errorf("no Closed: %w", err)
	}
	if c, ok := event.(*sockets.Closed); !ok || *c != want {
		return fmt.Errorf("%s in place of %s", show(event), show(&want))
	}
	select {
	case event := <-t.events:
		return fmt.Errorf("%s after Closed", show(event))
	case <-time.After(20 * time.Millisecond):
		return nil
	}
}

// leave closes with 1000 and waits for the end.
func (t *talk) leave(ctx context.Context) error {
	t.send(frame.Close(frame.Normal, "done"))
	return t.wantClosed(ctx, sockets.Closed{Code: frame.Normal, Reason: "done", Clean: true, By: sockets.Local})
}

// echoed sends messages one after the other and wants each back.
func (t *talk) echoed(ctx context.Context, messages ...*frame.Frame) error {
	for _, m := range messages {
		t.send(m)
		if err := t.wantFrame(ctx, m); err != nil {
			return err
		}
	}
	return nil
}

// show is a message in a line.
func show(m any) string {
	switch m := m.(type) {
	case *frame.Frame:
		text := string(m.Payload[:min(len(m.Payload), 40)])
		return fmt.Sprintf("%v of %d bytes, fin %v, %q", m.Opcode, len(m.Payload), m.Fin, text)
	case *sockets.Closed:
		return fmt.Sprintf("closed %d %q, clean %v, by %v, error %v", m.Code, m.Reason, m.Clean, m.By, m.Err)
	case *sockets.RoundTripTime:
		return fmt.Sprintf("round trip of %q in %v", m.Payload, m.Duration)
	}
	return fmt.Sprintf("%T", m)
}
