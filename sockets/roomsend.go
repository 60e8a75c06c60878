package sockets

import (
	"errors"
	"fmt"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/actors"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
)

// messageCost is what a message takes that waits for a member, besides its payload.
const messageCost = 64

// ErrNoMessage: what a room was given to send is not a whole text or binary message, or it was
// handed over to one connection.
var ErrNoMessage = errors.New("sockets: a room sends whole text and binary messages, which were not handed over")

// Send is Room's.
func (r *LocalRoom) Send(f *frame.Frame) error { return r.send(nil, f) }

// SendExcept is Room's. The history keeps f for everybody.
func (r *LocalRoom) SendExcept(conn *actor.PID, f *frame.Frame) error { return r.send(conn, f) }

// SendAll is Send of several messages in a row, which costs less: each member is looked at once. If
// one of them is no message none is sent. The slice is the caller's again, with other messages in it
// if RoomOptions.Number makes such.
func (r *LocalRoom) SendAll(messages []*frame.Frame) error {
	for _, f := range messages {
		if err := checkMessage(f); err != nil {
			return err
		}
	}
	r.lock()
	defer r.unlock()
	return r.fanOut(nil, messages)
}

func (r *LocalRoom) send(but *actor.PID, f *frame.Frame) error {
	if err := checkMessage(f); err != nil {
		return err
	}
	r.lock()
	defer r.unlock()
	omitted := (*membership)(nil)
	if but != nil {
		omitted = r.memberOf(but)
	}
	one := [1]*frame.Frame{f}
	return r.fanOut(omitted, one[:])
}

func checkMessage(f *frame.Frame) error {
	switch {
	case f == nil:
		return ErrNilFrame
	case !f.Fin || f.Opcode != frame.OpText && f.Opcode != frame.OpBinary || f.HandedOver():
		return ErrNoMessage
	}
	return nil
}

// fanOut numbers messages, which it may replace, and posts them to all but omitted.
func (r *LocalRoom) fanOut(omitted *membership, messages []*frame.Frame) error {
	if r.limits.Number != nil {
		if err := r.number(messages); err != nil {
			return err
		}
	}
	for _, f := range messages {
		r.stats.Sent++
		f.Share()
		r.keep(f)
	}
	var together []any // messages, prepared; nil: there is one only
	size := 0
	if len(messages) > 1 {
		together = pipeline.Prepare(messages)
		for _, f := range messages {
			size += cost(f)
		}
	}
	var out actors.Fanout
	for i := len(r.members) - 1; i >= 0; i-- { // one that is removed gives its place to a later one
		m := r.members[i]
		if m == omitted {
			continue
		}
		if together != nil && m.keepsUp(size) {
			left := size // all of it is counted with the first
			for _, item := range together {
				out.Post(&m.Subscription, item, left)
				left = 0
			}
			continue
		}
		for _, f := range messages {
			if size := cost(f); m.takes(size) {
				out.Post(&m.Subscription, f, size)
			} else if m.index < 0 {
				break
			}
		}
	}
	out.Flush()
	return nil
}

// number replaces messages by what goes out. It changes nothing if one of those is no message, or if Number panics.
func (r *LocalRoom) number(messages []*frame.Frame) error {
	var few [8]*frame.Frame
	numbered := few[:0]
	for _, f := range messages {
		f = r.limits.Number(r.stats.Sent+uint64(len(numbered))+1, f)
		if err := checkMessage(f); err != nil {
			return fmt.Errorf("sockets: Number: %w", err)
		}
		numbered = append(numbered, f)
	}
	copy(messages, numbered)
	return nil
}

func cost(f *frame.Frame) int { return messageCost + len(f.Payload) }
