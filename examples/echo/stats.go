package main

import (
	"context"
	"encoding/json"
	"expvar"
	"math/bits"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/spindrift-go/spindrift/sockets"
)

// counts are what passed through all connections.
type counts struct {
	open atomic.Int64

	framesIn, framesOut, bytesIn, bytesOut, dropped atomic.Int64

	trips [24]atomic.Int64 // of Pings: how many took less than 2^n microseconds
	mu    sync.Mutex
	codes map[frame.Code]int
}

func (c *counts) stage() pipeline.Stage {
	saw := func(frames, bytes *atomic.Int64) func(any) {
		return func(item any) {
			if f, ok := item.(*frame.Frame); ok {
				frames.Add(1)
				bytes.Add(int64(len(f.Payload)))
			}
		}
	}
	return pipeline.Tap(saw(&c.framesIn, &c.bytesIn), saw(&c.framesOut, &c.bytesOut))
}

func (c *counts) roundTrip(took time.Duration) {
	c.trips[min(bits.Len64(uint64(took.Microseconds())), len(c.trips)-1)].Add(1)
}

func (c *counts) closed(m *sockets.Closed) {
	c.open.Add(-1)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.codes == nil {
		c.codes = map[frame.Code]int{}
	}
	c.codes[m.Code]++
}

// snapshot is what the page's panel shows. The numbers only grow, but for Connections.
type snapshot struct {
	Connections int64              `json:"connections"`
	FramesIn    int64              `json:"framesIn"`
	FramesOut   int64              `json:"framesOut"`
	BytesIn     int64              `json:"bytesIn"`
	BytesOut    int64              `json:"bytesOut"`
	Dropped     int64              `json:"dropped"`
	Codes       map[frame.Code]int `json:"codes"`
	RoundTrips  []int64            `json:"roundTrips"` // n took less than 2^i microseconds
}

func (s *server) snapshot() snapshot {
	c := &s.counts
	now := snapshot{
		Connections: c.open.Load(), Dropped: c.dropped.Load(), Codes: map[frame.Code]int{},
		FramesIn: c.framesIn.Load(), FramesOut: c.framesOut.Load(), BytesIn: c.bytesIn.Load(), BytesOut: c.bytesOut.Load(),
	}
	c.mu.Lock()
	for code, n := range c.codes {
		now.Codes[code] = n
	}
	c.mu.Unlock()
	for i := range c.trips {
		now.RoundTrips = append(now.RoundTrips, c.trips[i].Load())
	}
	return now
}

// stats sends a snapshot now and every second.
func (s *server) stats(ctx context.Context, c *sockets.Conn) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		if err := c.SendJSON(ctx, s.snapshot()); err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// publish adds a snapshot to /debug/vars.
func publish(s *server) {
	expvar.Publish("spindrift", expvar.Func(func() any {
		out, _ := json.Marshal(s.snapshot())
		return json.RawMessage(out)
	}))
}
