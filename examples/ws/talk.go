package main

import (
	"context"
	"errors"
	"flag"
	"sync/atomic"
	"time"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets"
)

// conversation is ws URL.
type conversation struct {
	*console
	connecting
	peer
	binary, hexIn, whole bool
	wait, ping           time.Duration
	count                int
	reconnect, verbose   bool

	sent      atomic.Int64
	last      atomic.Int64 // when something came in, or input ended: nanoseconds since began
	began     time.Time    //
	asked     atomic.Bool  // we have asked for the end
	inputDone chan error   // what was wrong with the input; nil: it ended
	mistake   atomic.Pointer[error]
	ended     chan struct{} // the connection has ended
}

// peer is who is talked to: a connection, or one after the other.
type peer interface {
	Receive(ctx context.Context) (*frame.Frame, error)
	Send(ctx context.Context, f *frame.Frame) error
	Current(ctx context.Context) (*sockets.Conn, error)
	Finish(code frame.Code, reason string) // begins the end, and lets what comes before it come
}

type single struct{ *sockets.Conn }

func (s single) Current(context.Context) (*sockets.Conn, error) { return s.Conn, nil }
func (s single) Finish(code frame.Code, reason string) {
	s.Send(context.Background(), frame.Close(code, reason))
}

type many struct{ *sockets.Reconnecting }

func (m many) Current(ctx context.Context) (*sockets.Conn, error) { return m.Conn(ctx) }
func (m many) Finish(code frame.Code, reason string)              { go m.Close(code, reason) }

func talk(ctx context.Context, args []string, c *console) error {
	t := &conversation{console: c, began: time.Now(), inputDone: make(chan error, 1), ended: make(chan struct{})}
	flags := flag.NewFlagSet("ws", flag.ContinueOnError)
	t.connecting.flags(flags)
	flags.BoolVar(&c.hex, "hex", false, "show payloads in hexadecimal")
	flags.BoolVar(&c.json, "json", false, "indent messages that are JSON")
	flags.BoolVar(&t.binary, "binary", false, "send binary messages in place of text")
	flags.BoolVar(&t.hexIn, "send-hex", false, "lines of input are the hexadecimal bytes of binary messages")
	flags.BoolVar(&t.whole, "whole", false, "all of the input is one message, of any length")
	flags.DurationVar(&t.wait, "wait", time.Second, "after the end of input, close when nothing has come for so long; -1s: when the server closes")
	flags.IntVar(&t.count, "count", 0, "close after so many messages have come; 0: do not")
	flags.DurationVar(&t.ping, "ping", 0, "send a Ping so often and show the round trip; 0: do not")
	flags.BoolVar(&t.reconnect, "reconnect", false, "connect again when the connection is lost")
	flags.BoolVar(&t.verbose, "v", false, "tell of the connection on standard error although standard output is no terminal")
	operands, err := parse(flags, args, c, usage)
	if err != nil {
		return err
	}
	c.quiet = !c.outTerm && !t.verbose
	address, err := target(operands)
	if err != nil {
		return err
	}
	switch {
	case t.count < 0 || t.ping < 0:
		return misusef("-count and -ping must not be less than 0")
	case c.hex && c.json:
		return misusef("-hex and -json are two ways to show a message: choose one")
	case t.whole && t.hexIn:
		return misusef("-whole sends the input as it is, -send-hex line by line: choose one")
	}
	o, err := t.options()
	if err != nil {
		return err
	}
	return t.run(ctx, address, o)
}

// run connects and talks until the end.
func (t *conversation) run(ctx context.Context, address string, o *sockets.DialOptions) error {
	if t.reconnect {
		c, err := sockets.DialReconnecting(address, o, &sockets.Reconnect{Lost: t.lost, First: func(u *sockets.Upgraded) []any {
			t.opened(u.Subprotocol, u.Response)
			return nil
		}})
		if err != nil {
			return err
		}
		t.peer = many{c}
	} else {
		c, err := sockets.Dial(ctx, address, o)
		if err != nil {
			return err
		}
		t.opened(c.Subprotocol(), c.Response())
		t.peer = single{c}
	}
	go func() { t.inputDone <- t.input() }()
	go t.conduct(ctx)
	if t.ping > 0 {
		go t.pinging()
	}
	in, err := t.receive()
	close(t.ended)
	t.end()
	t.account(in, err)
	if mistake := t.mistake.Load(); mistake != nil {
		return *mistake
	}
	if t.asked.Load() {
		if final := (*sockets.Disconnected)(nil); errors.As(err, &final) && final.Closed == nil {
			return nil // it was asked to end while there was no connection
		}
	}
	return err
}

// receive prints what comes until the connection has ended.
func (t *conversation) receive() (in int, err error) {
	for {
		f, err := t.Receive(context.Background())
		if err != nil {
			return in, err
		}
		in++
		t.last.Store(int64(time.Since(t.began)))
		if t.count == 0 || in <= t.count {
			if err := t.message(f); err != nil {
				return in, err
			}
		}
		if in == t.count {
			t.finish(frame.Normal, "")
		}
	}
}

// conduct ends the conversation when the input, or the person, has.
func (t *conversation) conduct(ctx context.Context) {
	select {
	case <-ctx.Done():
		t.finish(frame.Normal, "")
		return
	case <-t.ended:
		return
	case err := <-t.inputDone:
		if err != nil {
			t.mistake.Store(&err)
			t.finish(frame.GoingAway, "")
			return
		}
	}
	t.last.Store(int64(time.Since(t.began)))
	for {
		silent := time.Since(t.began) - time.Duration(t.last.Load())
		if t.wait >= 0 && (silent >= t.wait || t.inTerm) {
			t.finish(frame.Normal, "")
			return
		}
		var silence <-chan time.Time
		if t.wait >= 0 {
			silence = time.After(t.wait - silent)
		}
		select {
		case <-silence:
		case <-ctx.Done():
			t.finish(frame.Normal, "")
			return
		case <-t.ended:
			return
		}
	}
}

func (t *conversation) finish(code frame.Code, reason string) {
	if !t.asked.Swap(true) {
		t.Finish(code, reason)
	}
}

// pinging measures the round trip from time to time.
func (t *conversation) pinging() {
	for tick := time.NewTicker(t.ping); ; {
		select {
		case <-tick.C:
			ctx, cancel := context.WithTimeout(context.Background(), max(t.ping, 10*time.Second))
			t.roundTrip(ctx)
			cancel()
		case <-t.ended:
			tick.Stop()
			return
		}
	}
}

func (t *conversation) roundTrip(ctx context.Context) {
	c, err := t.Current(ctx)
	if err != nil {
		return
	}
	if took, err := c.Ping(ctx); err == nil {
		t.note(dim, "round trip %s", short(took))
	} else if ctx.Err() != nil {
		t.note(yellow, "no Pong")
	}
}
