package load

import (
	"bytes"
	"compress/flate"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// Echo keeps a fixed number of messages in flight on each of a fixed number of connections to an echo server.
type Echo struct {
	Target
	Message  Message // Deflate is taken from Target
	Conns    int
	InFlight int
	Window
}

// Run connects, measures and disconnects. It fails when the server refuses a connection, ends one, sends something
// other than the echo, or goes silent.
func (e Echo) Run(ctx context.Context) (*Report, error) {
	e.Message.Deflate = e.Deflate
	frame := e.Message.Frame()
	report := &Report{}
	packed, err := e.probe(frame)
	if err != nil {
		return nil, err
	}
	report.Packed = packed
	t := e.Target.traffic(e.Message, e.InFlight)
	return report, pingPong(ctx, e.Conns, t, e.Window, report, e.Target.dialer(t))
}

// traffic is one message over and over, which is echoed.
func (target Target) traffic(m Message, inFlight int) traffic {
	m.Deflate = target.Deflate
	return traffic{frame: m.Frame(), inFlight: inFlight, scanner: func() Scanner { return &FrameScanner{Want: m.Payload} }, streams: target.Streams}
}

// dialer opens connections for t.
func (target Target) dialer(t traffic) func() (*peer, error) {
	if target.Streams > 0 {
		return func() (*peer, error) { return dialStreams(target, t) }
	}
	return func() (*peer, error) { return dialUpgraded(target) }
}

// Plain keeps one GET in flight on each of a fixed number of connections to an HTTP server.
type Plain struct {
	Target
	Conns int
	Window
}

// Run connects, measures and disconnects.
func (p Plain) Run(ctx context.Context) (*Report, error) {
	report := &Report{}
	t := traffic{frame: plainRequest(p.Addr, p.Path), inFlight: 1, scanner: func() Scanner { return &ResponseScanner{} }}
	dial := func() (*peer, error) { return dialPlain(p.Target) }
	return report, pingPong(ctx, p.Conns, t, p.Window, report, dial)
}

func pingPong(ctx context.Context, conns int, t traffic, w Window, report *Report, dial func() (*peer, error)) error {
	l, err := newLoop()
	if err != nil {
		return err
	}
	defer l.close()
	if err := l.open(ctx, conns, t, dial); err != nil {
		return err
	}
	if err := l.sendAll(t.inFlight); err != nil {
		return err
	}
	count := &tally{report: report}
	if t.streams > 0 {
		return watch(ctx, w, count, l, l.streamsAnswered(count))
	}
	answered := func(c *conn, n int, now time.Duration) error {
		for range n {
			sent, ok := c.stamps.pop()
			if !ok {
				return errors.New("load: more answers than messages")
			}
			count.record(now-sent, 1)
		}
		return c.send(l.epfd, n, now)
	}
	return watch(ctx, w, count, l, answered)
}

// sendAll puts n messages in flight on every connection, or every stream of it.
func (l *loop) sendAll(n int) error {
	for _, c := range l.conns {
		var err error
		if c.mux == nil {
			err = c.send(l.epfd, n, l.now())
		} else {
			for i := range c.mux.all {
				c.mux.send(i, n, l.now())
			}
			err = c.flush(l.epfd)
		}
		if err != nil {
			return fmt.Errorf("load: write: %w", err)
		}
	}
	return nil
}

// streamsAnswered sends as many messages on each stream as it had answers.
func (l *loop) streamsAnswered(count *tally) reaction {
	return func(c *conn, _ int, now time.Duration) error {
		for rest := c.mux.answered; len(rest) > 0; {
			i, n := rest[0], 0
			for ; n < len(rest) && rest[n] == i; n++ {
				sent, ok := c.mux.all[i].stamps.pop()
				if !ok {
					return errors.New("load: more answers than messages")
				}
				count.record(now-sent, 1)
			}
			rest = rest[n:]
			c.mux.send(i, n, now)
		}
		return c.flush(l.epfd)
	}
}

// probe sends one message on a connection of its own and compares the whole echo, inflated if need be. Over HTTP/2 nothing is
// compressed, and there what is looked at in every answer will do.
func (e Echo) probe(frame []byte) (packed bool, err error) {
	if e.Streams > 0 {
		return false, nil
	}
	p, err := dialUpgraded(e.Target)
	if err != nil {
		return false, err
	}
	defer p.close()
	if err := p.setNonblock(false); err != nil {
		return false, err
	}
	sent := make(chan error, 1)
	go func() { // a large echo may begin before the last byte was taken
		for len(frame) > 0 {
			n, err := p.write(frame)
			if err != nil {
				sent <- err
				return
			}
			frame = frame[n:]
		}
		sent <- nil
	}()
	payload, packed, err := readMessage(readerFunc(p.read))
	if err := errors.Join(err, <-sent); err != nil {
		return false, fmt.Errorf("load: first echo: %w", err)
	}
	if packed {
		payload, err = io.ReadAll(flate.NewReader(io.MultiReader(bytes.NewReader(payload), strings.NewReader(deflateEnd))))
		if err != nil {
			return false, fmt.Errorf("load: inflate: %w", err)
		}
	}
	if !bytes.Equal(payload, e.Message.Payload) {
		return false, errors.New("load: the echo differs from what was sent")
	}
	return packed, nil
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }
