package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets"
)

// pending are the messages of one connection that have not come back, in their order.
type pending struct {
	mu    sync.Mutex
	due   []time.Time
	first int // the number of due[0]
}

func (p *pending) add(due time.Time) (number int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.due = append(p.due, due)
	return p.first + len(p.due) - 1
}

// oldest is the one whose answer comes next.
func (p *pending) oldest() (number int, due time.Time, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.due) == 0 {
		return 0, due, false
	}
	return p.first, p.due[0], true
}

func (p *pending) pop() (left int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.due, p.first = p.due[1:], p.first+1
	return len(p.due)
}

func (p *pending) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.due)
}

// connection is one of them, from its handshake to its end.
func (l *loading) connection(ctx context.Context, i int, o *sockets.DialOptions) {
	began := time.Now()
	c, err := sockets.Dial(ctx, l.address, o)
	if err != nil {
		if ctx.Err() == nil {
			l.fail(err)
		}
		return
	}
	l.handshake.add(time.Since(began))
	l.open.Add(1)
	defer l.open.Add(-1)
	p := &pending{}
	answers := make(chan struct{}, 1) // all that was sent has come back
	received := make(chan error, 1)
	go func() { received <- l.receive(c, p, answers) }()
	sending := l.send(ctx, c, p, answers, i)
	if sending == nil && p.count() > 0 {
		select {
		case <-answers:
		case <-c.Done():
		case <-time.After(l.grace):
		}
	}
	c.Send(context.Background(), frame.Close(frame.Normal, ""))
	err = <-received
	l.unanswered.Add(int64(p.count()))
	if end := (*sockets.CloseError)(nil); errors.As(err, &end) && (end.By != sockets.Local || end.Failure() != nil) {
		l.fail(err)
	}
}

// send sends messages at their times, or each when the answer has come, until ctx ends.
func (l *loading) send(ctx context.Context, c *sockets.Conn, p *pending, answers <-chan struct{}, i int) error {
	began := time.Now()
	var period time.Duration
	if l.rate > 0 {
		period = time.Duration(float64(time.Second) / l.rate)
		began = began.Add(period * time.Duration(i) / time.Duration(l.conns)) // not all in the same moment
	}
	for n := 0; ; n++ {
		due := time.Now()
		if period > 0 {
			due = began.Add(period * time.Duration(n))
		}
		if early := time.Until(due); early > 0 {
			select {
			case <-time.After(early):
				due = time.Now() // that a timer is late is not the server's fault
			case <-ctx.Done():
				return nil
			case <-c.Done():
				return endOf(c)
			}
		} else if ctx.Err() != nil {
			return nil
		}
		f := l.payload(p.add(due))
		if err := c.Send(ctx, f); err != nil && ctx.Err() == nil {
			return err
		} else if err != nil {
			return nil
		}
		l.sent.Add(1)
		l.bytesOut.Add(int64(l.size))
		if period == 0 {
			select {
			case <-answers:
			case <-ctx.Done():
				return nil
			case <-c.Done():
				return endOf(c)
			}
		}
	}
}

func endOf(c *sockets.Conn) error { return &sockets.CloseError{Closed: *c.Closed()} }

// receive measures until the connection has ended.
func (l *loading) receive(c *sockets.Conn, p *pending, answers chan<- struct{}) error {
	for {
		f, err := c.Receive(context.Background())
		if err != nil {
			return err
		}
		number, due, ok := p.oldest()
		if !ok || !bytes.Equal(f.Payload, l.payload(number).Payload) {
			l.strange.Add(1) // a greeting, say
			f.Release()
			continue
		}
		f.Release()
		l.answered.Add(1)
		l.latency.add(time.Since(due))
		if p.pop() == 0 {
			select {
			case answers <- struct{}{}:
			default:
			}
		}
	}
}

// payload is message number n of a connection: its number, and then filling.
func (l *loading) payload(n int) *frame.Frame {
	p := fmt.Appendf(make([]byte, 0, l.size+16), "%016x", n)
	if len(p) > l.size {
		p = p[len(p)-l.size:]
	}
	for len(p) < l.size {
		p = append(p, "spindrift "[len(p)%10])
	}
	if l.binary {
		return frame.Binary(p)
	}
	return frame.TextBytes(p)
}
