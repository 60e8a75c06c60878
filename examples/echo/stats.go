package main

import (
	"context"
	"expvar"
	"time"

	"github.com/spindrift-go/spindrift/sockets"
)

// stats sends what was counted, now and every second: the page's panel draws the differences.
func (s *server) stats(ctx context.Context, c *sockets.Conn) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		if err := c.SendJSON(ctx, s.counters.Stats()); err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// publish adds the same to /debug/vars.
func publish(s *server) {
	expvar.Publish("websockets", expvar.Func(func() any { return s.counters.Stats() }))
}
