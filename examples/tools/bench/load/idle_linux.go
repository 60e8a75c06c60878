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
	l, err := newLoop()
	if err != nil {
		return nil, err
	}
	crowd := &Crowd{loop: l}
	t := target.traffic(message, 1)
	err = l.open(ctx, n, t, target.dialer(t))
	if err == nil {
		err = l.echoOnce(ctx, n)
	}
	if err != nil {
		crowd.Disperse()
		return nil, err
	}
	return crowd, nil
}

// Disperse resets every connection.
func (c *Crowd) Disperse() { c.loop.close() }

func (l *loop) echoOnce(ctx context.Context, all int) error {
	if err := l.sendAll(1); err != nil {
		return err
	}
	ignore := func(*conn, int, time.Duration) error { return nil }
	for heard, last := 0, l.now(); heard < all; {
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
			return fmt.Errorf("load: %d of %d echoes after %v", heard, all, stall)
		}
	}
	return nil
}
