package sockets

import (
	"context"
	"encoding/binary"
	"time"

	"github.com/spindrift-go/spindrift/frame"
)

// Ping sends a Ping and waits for its Pong. It returns how long that took.
func (c *Conn) Ping(ctx context.Context) (time.Duration, error) {
	if err := c.check(ctx); err != nil {
		return 0, err
	}
	if err := c.broken(); err != nil && c.Closed() == nil {
		return 0, err
	}
	reply := make(chan time.Duration, 1)
	c.mu.Lock()
	if c.pings == nil {
		c.pings = &pings{waiting: map[uint64]pinging{}}
	}
	n := c.pings.add(reply)
	c.handle.Post(frame.Ping(binary.BigEndian.AppendUint64(nil, n))) // in the order of the numbers
	c.mu.Unlock()
	select {
	case took := <-reply:
		return took, nil
	case <-c.Done():
		return 0, c.closeError()
	case <-ctx.Done():
		c.mu.Lock()
		delete(c.pings.waiting, n)
		c.mu.Unlock()
		return 0, c.waited(ctx)
	}
}

// pings are those that await their Pong, by their number, which is their payload.
type pings struct {
	last    uint64
	waiting map[uint64]pinging
}

type pinging struct {
	since time.Time
	reply chan<- time.Duration
}

func (p *pings) add(reply chan<- time.Duration) (n uint64) {
	p.last++
	p.waiting[p.last] = pinging{time.Now(), reply}
	return p.last
}

// answered: there was a Pong, which may be the only one for all Pings before it, RFC 6455 5.5.3.
func (p *pings) answered(payload []byte, took time.Duration) {
	if len(payload) != 8 {
		return
	}
	n := binary.BigEndian.Uint64(payload)
	if n > p.last { // not one of these
		return
	}
	for k, earlier := range p.waiting {
		switch {
		case k == n:
			earlier.reply <- took
		case k < n:
			earlier.reply <- time.Since(earlier.since)
		default:
			continue
		}
		delete(p.waiting, k)
	}
}
