package load

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Broadcast sends a message on one connection of a room and waits until all have received it before it sends the next.
// Every delivery counts as one message.
type Broadcast struct {
	Target
	Message Message
	Conns   int
	Window
}

// quiet is how long deliveries must have ceased before an incomplete round is given up and tried again.
const quiet = 2 * time.Second

// Run connects, waits until the room has taken in every connection, measures and disconnects.
func (b Broadcast) Run(ctx context.Context) (*Report, error) {
	b.Message.Deflate = b.Deflate
	l, err := newLoop()
	if err != nil {
		return nil, err
	}
	defer l.close()
	t := traffic{frame: b.Message.Frame(), inFlight: 1, scanner: func() Scanner { return &FrameScanner{Want: b.Message.Payload} }}
	if err := l.open(ctx, b.Conns, t, func() (*peer, error) { return dialUpgraded(b.Target) }); err != nil {
		return nil, err
	}
	if err := b.assemble(ctx, l); err != nil {
		return nil, err
	}
	count := &tally{report: &Report{}}
	waiting := 0
	var sent time.Duration
	round := func() error {
		waiting, sent = b.Conns, l.now()
		return l.shout(sent)
	}
	if err := round(); err != nil {
		return nil, err
	}
	delivered := func(_ *conn, n int, now time.Duration) error {
		count.record(now-sent, n)
		if waiting -= n; waiting > 0 {
			return nil
		}
		return round()
	}
	return count.report, watch(ctx, b.Window, count, l, delivered)
}

func (l *loop) shout(now time.Duration) error {
	speaker := l.conns[0]
	speaker.stamps.held = 0
	if err := speaker.send(l.epfd, 1, now); err != nil {
		return fmt.Errorf("load: write: %w", err)
	}
	return nil
}

// assemble repeats a message until one has reached every connection: a server may join a connection to its room a moment
// after it has answered the handshake.
func (b Broadcast) assemble(ctx context.Context, l *loop) error {
	const tries = 10
	ignore := func(*conn, int, time.Duration) error { return nil }
	for range tries {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := l.shout(l.now()); err != nil {
			return err
		}
		heard := 0
		for last := l.now(); l.now()-last < quiet && heard < b.Conns; {
			n, err := l.turn(quiet, ignore)
			if err != nil {
				return err
			}
			if n > 0 {
				heard, last = heard+n, l.now()
			}
		}
		if heard == b.Conns {
			return nil
		}
	}
	return errors.New("load: the broadcast does not reach every connection")
}
