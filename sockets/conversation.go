package sockets

import (
	"context"
	"errors"
	"iter"
	"sync"

	"github.com/spindrift-go/spindrift/frame"
)

// What follows are conversations over a Conn, each until one of its sides ends it. They
// return nil after an end that somebody asked for, as Messages does, and wait until all that
// they have called has returned. As the function of a [Session], what they return is how the
// connection is closed.

// errNilFunc is a conversation's without a function to call.
var errNilFunc = errors.New("sockets: nil function")

// Reply answers every message with what answer makes of it, nil being no answer, until the
// connection or ctx ends, or answer returns an error. Up to parallel messages are in work at a
// time; answers go out in the order of the messages. The peer's Close is not answered before
// those are out. The context that answer gets ends with the connection too.
func (c *Conn) Reply(ctx context.Context, parallel int, answer func(ctx context.Context, m *frame.Frame) (*frame.Frame, error)) error {
	if err := c.check(ctx); err != nil {
		return err
	}
	if answer == nil {
		return errNilFunc
	}
	ctx, end := c.until(ctx)
	defer end(nil)
	if parallel > 1 {
		return c.replyInParallel(ctx, end, parallel, answer)
	}
	for m, err := range c.Messages(ctx) {
		if err == nil {
			m, err = answer(ctx, m)
		}
		if err == nil && m != nil {
			err = c.Send(ctx, m)
		}
		if err != nil {
			return conclusion(err)
		}
	}
	return nil
}

// conclusion is err, or nil for an end that somebody asked for.
func conclusion(err error) error {
	if ordinary(err) {
		return nil
	}
	return err
}

// until returns a context that ends with the connection too.
func (c *Conn) until(ctx context.Context) (context.Context, context.CancelCauseFunc) {
	ctx, end := context.WithCancelCause(ctx)
	stop := context.AfterFunc(c.Context(), func() { end(nil) })
	return ctx, func(why error) { stop(); end(why) }
}

// replying is one message that is being answered.
type replying struct {
	pieces int // that it came in
	done   chan struct{}
	answer *frame.Frame
	err    error
}

func (c *Conn) replyInParallel(ctx context.Context, end context.CancelCauseFunc, parallel int, answer func(context.Context, *frame.Frame) (*frame.Frame, error)) error {
	c.keep(true)
	defer c.keep(false)
	places := make(chan struct{}, parallel)
	inOrder := make(chan *replying, parallel)
	sent := make(chan error, 1)
	go func() {
		sent <- c.sendReplies(ctx, end, inOrder, places)
	}()
	var working sync.WaitGroup
	var err error
	for err == nil {
		select {
		case places <- struct{}{}:
		case <-ctx.Done():
			err = c.waited(ctx)
			continue
		}
		before := c.countTaken()
		var m *frame.Frame
		if m, err = c.Receive(ctx); err == nil {
			r := &replying{pieces: c.countTaken() - before, done: make(chan struct{}), err: errGoexit}
			inOrder <- r
			working.Go(func() {
				defer close(r.done)
				r.err = guarded(func() (err error) {
					r.answer, err = answer(ctx, m)
					return err
				})
			})
		}
	}
	close(inOrder)
	failed := <-sent
	working.Wait()
	if failed != nil {
		err = failed
	}
	return conclusion(err)
}

// sendReplies sends answers in the order of their messages. It ends ctx at the first that
// cannot be had or sent.
func (c *Conn) sendReplies(ctx context.Context, end context.CancelCauseFunc, inOrder <-chan *replying, places <-chan struct{}) (failed error) {
	for r := range inOrder {
		<-r.done
		err := r.err
		if err == nil && r.answer != nil && failed == nil {
			err = c.Send(ctx, r.answer)
		}
		if err != nil && failed == nil {
			failed = err
			end(err)
		}
		c.workedThrough(r.pieces)
		<-places
	}
	return failed
}

// Serve receives and sends independently of each other: in is called with each message, one at
// a time, and what out yields is sent, as fast as the peer takes it. The conversation is over
// when the connection or ctx ends, when out ends, and at the first error, of in or of a pair
// that out yields. A nil in discards what comes, without a out nothing is sent.
//
// The context that both get ends with the conversation: an out that waits for something else
// must look at it.
func (c *Conn) Serve(ctx context.Context, in func(ctx context.Context, m *frame.Frame) error, out func(ctx context.Context) iter.Seq2[*frame.Frame, error]) error {
	if err := c.check(ctx); err != nil {
		return err
	}
	ctx, end := c.until(ctx)
	defer end(nil)
	received := make(chan error, 1)
	go func() {
		err := errGoexit
		defer func() { // also if in calls runtime.Goexit
			end(err)
			received <- err
		}()
		err = guarded(func() error { return c.each(ctx, in) })
	}()
	if out == nil {
		return <-received
	}
	join := sync.OnceValue(func() error { end(nil); return <-received })
	defer join() // also if out panics
	err := c.sendAll(ctx, out(ctx))
	if over := ctx.Err(); over != nil && (err == nil || errors.Is(err, over)) { // which is why out has ended
		err = conclusion(join())
	}
	return err
}

// each has in called with each message.
func (c *Conn) each(ctx context.Context, in func(context.Context, *frame.Frame) error) error {
	for m, err := range c.Messages(ctx) {
		switch {
		case err != nil:
		case in == nil:
			m.Release()
		default:
			err = in(ctx, m)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// sendAll sends what all yields.
func (c *Conn) sendAll(ctx context.Context, all iter.Seq2[*frame.Frame, error]) error {
	for m, err := range all {
		if err == nil {
			err = c.Send(ctx, m)
		}
		if err != nil {
			return conclusion(err)
		}
	}
	return nil
}

// Pipe sends what through makes of the messages that are received: it ranges over those, as
// [Conn.Messages] yields them, and yields what is to be sent. It is over when that ends, or
// yields an error.
func (c *Conn) Pipe(ctx context.Context, through func(in iter.Seq2[*frame.Frame, error]) iter.Seq2[*frame.Frame, error]) error {
	if err := c.check(ctx); err != nil {
		return err
	}
	if through == nil {
		return errNilFunc
	}
	return c.sendAll(ctx, through(c.Messages(ctx)))
}
