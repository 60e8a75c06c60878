package load

import (
	"context"
	"fmt"
	"time"
)

// Crowd is a number of connections that have each echoed one message and are silent since.
type Crowd struct{ loop *loop }

// Gather connects n times, one message each way on every connection, and leaves them open.
func Gather(ctx context.Context, target Target, n int, message Message) (*Crowd, error) {
	message.Deflate = target.Deflate
	l, err := newLoop()
	if err != nil {
		return nil, err
	}
	crowd := &Crowd{loop: l}
	t := traffic{frame: message.Frame(), inFlight: 1, scanner: func() Scanner { return &FrameScanner{Want: message.Payload} }}
	err = l.open(ctx, n, t, func() (*peer, error) { return dialUpgraded(target) })
	if err == nil {
		err = l.echoOnce(ctx)
	}
	if err != nil {
		crowd.Disperse()
		return nil, err
	}
	return crowd, nil
}

// Disperse resets every connection.
func (c *Crowd) Disperse() { c.loop.close() }

func (l *loop) echoOnce(ctx context.Context) error {
	for _, c := range l.conns {
		if err := c.send(l.epfd, 1, l.now()); err != nil {
			return fmt.Errorf("load: write: %w", err)
		}
	}
	ignore := func(*conn, int, time.Duration) error { return nil }
	for heard, last := 0, l.now(); heard < len(l.conns); {
		n, err := l.turn(time.Second, ignore)
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		if n > 0 {
			heard, last = heard+n, l.now()
		} else if l.now()-last > stall {
			return fmt.Errorf("load: %d of %d echoes after %v", heard, len(l.conns), stall)
		}
	}
	return nil
}
