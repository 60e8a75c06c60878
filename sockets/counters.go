package sockets

import (
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spindrift-go/spindrift/frame"
)

// Counters count what an [Observer] is told, for a page that shows a living server, expvar,
// or a test. The zero value is ready; the observer is their [Counters.Observer]:
//
//	var counters sockets.Counters
//	srv := &sockets.Server{Observers: []*sockets.Observer{counters.Observer()}, ...}
//	expvar.Publish("websockets", &counters)
//
// A page gets Stats as JSON once a second, over a WebSocket for instance (SendJSON), and shows
// the difference of two as a rate: [Stats.Since].
type Counters struct {
	once     sync.Once
	observer *Observer

	opened, closed, panics        atomic.Int64
	messagesIn, messagesOut       atomic.Int64
	bytesIn, bytesOut             atomic.Int64
	droppedMessages, droppedBytes atomic.Int64
	roundTrips                    [len(roundTripBounds) + 1]atomic.Int64

	mu       sync.Mutex // of the maps, which are touched when connections end
	codes    map[frame.Code]int64
	by       [3]int64
	statuses map[int]int64
}

// roundTripBounds are the buckets of round trips, in milliseconds.
var roundTripBounds = [...]float64{0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000}

// Stats is what there was of something, as Counters have counted it: all but Open only grows.
// Their JSON has the names in the tags; a map that is empty is {}.
type Stats struct {
	Time            time.Time        `json:"time"`
	Open            int64            `json:"open"`      // connections at this time
	Opened          int64            `json:"opened"`    // so far, like all that follows
	Closed          map[string]int64 `json:"closed"`    // by close code: "1000", "1006"
	ClosedBy        map[string]int64 `json:"closed_by"` // "peer", "local", "nobody": who began
	Refused         map[string]int64 `json:"refused"`   // by status of the answer: "403"; "0": there was none
	MessagesIn      int64            `json:"messages_in"`
	MessagesOut     int64            `json:"messages_out"`
	BytesIn         int64            `json:"bytes_in"` // of the payloads
	BytesOut        int64            `json:"bytes_out"`
	DroppedMessages int64            `json:"dropped_messages"`
	DroppedBytes    int64            `json:"dropped_bytes"`
	Panics          int64            `json:"panics"`
	RoundTrips      []RoundTrips     `json:"round_trips"` // the buckets, from short to long; always all of them
}

// RoundTrips is one bucket: how many were longer than the one before allows, and no longer
// than Max.
type RoundTrips struct {
	Max   float64 `json:"max_ms"` // milliseconds; 0: any, the last bucket
	Count int64   `json:"count"`
}

// Observer returns the observer of c, the same at each call.
func (c *Counters) Observer() *Observer {
	c.once.Do(func() {
		c.observer = &Observer{
			Opened:  func(*Observed, *http.Request) { c.opened.Add(1) },
			Refused: func(r *Refused) { c.countRefused(r.Status) },
			Closed:  func(_ *Observed, how *Closed) { c.countClosed(how) },
			Traffic: func(_ *Observed, t Traffic) { c.countTraffic(t) },
			RoundTrip: func(_ *Observed, d time.Duration) {
				ms, i := float64(d)/float64(time.Millisecond), 0
				for i < len(roundTripBounds) && ms > roundTripBounds[i] {
					i++
				}
				c.roundTrips[i].Add(1)
			},
			Dropped: func(_ *Observed, d Dropped) {
				c.droppedMessages.Add(int64(d.Messages))
				c.droppedBytes.Add(int64(d.Bytes))
			},
			Panicked: func(*Observed, any) { c.panics.Add(1) },
		}
	})
	return c.observer
}

// countTraffic is called once a burst: one direction, usually.
func (c *Counters) countTraffic(t Traffic) {
	if t.MessagesIn != 0 || t.BytesIn != 0 {
		c.messagesIn.Add(t.MessagesIn)
		c.bytesIn.Add(t.BytesIn)
	}
	if t.MessagesOut != 0 || t.BytesOut != 0 {
		c.messagesOut.Add(t.MessagesOut)
		c.bytesOut.Add(t.BytesOut)
	}
}

func (c *Counters) countRefused(status int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.statuses == nil {
		c.statuses = make(map[int]int64)
	}
	c.statuses[status]++
}

// countClosed knows at most the 2,000 codes that a peer may choose, and a dozen others.
func (c *Counters) countClosed(how *Closed) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.codes == nil {
		c.codes = make(map[frame.Code]int64)
	}
	c.codes[how.Code]++
	c.by[how.By]++
	c.closed.Add(1)
}

// Stats returns what was counted until now. It is cheap enough for many times a second.
func (c *Counters) Stats() Stats {
	s := Stats{
		Time: time.Now(), Closed: map[string]int64{}, ClosedBy: map[string]int64{}, Refused: map[string]int64{},
		MessagesIn: c.messagesIn.Load(), MessagesOut: c.messagesOut.Load(),
		BytesIn: c.bytesIn.Load(), BytesOut: c.bytesOut.Load(),
		DroppedMessages: c.droppedMessages.Load(), DroppedBytes: c.droppedBytes.Load(),
		Panics: c.panics.Load(),
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for code, n := range c.codes {
		s.Closed[strconv.Itoa(int(code))] = n
	}
	for by, n := range c.by {
		if n > 0 {
			s.ClosedBy[Side(by).String()] = n
		}
	}
	for status, n := range c.statuses {
		s.Refused[strconv.Itoa(status)] = n
	}
	for i := range c.roundTrips {
		b := RoundTrips{Count: c.roundTrips[i].Load()}
		if i < len(roundTripBounds) {
			b.Max = roundTripBounds[i]
		}
		s.RoundTrips = append(s.RoundTrips, b)
	}
	closed := c.closed.Load() // before opened: Open is never negative
	s.Opened = c.opened.Load()
	s.Open = s.Opened - closed
	return s
}

// Rates is how fast Stats have grown: what a page shows as so much a second.
type Rates struct {
	Opened      float64 `json:"opened"` // a second, like all
	MessagesIn  float64 `json:"messages_in"`
	MessagesOut float64 `json:"messages_out"`
	BytesIn     float64 `json:"bytes_in"`
	BytesOut    float64 `json:"bytes_out"`
}

// Since returns how fast s has grown since before was taken.
func (s Stats) Since(before Stats) Rates {
	seconds := s.Time.Sub(before.Time).Seconds()
	if seconds <= 0 {
		return Rates{}
	}
	rate := func(now, then int64) float64 { return float64(now-then) / seconds }
	return Rates{
		Opened:     rate(s.Opened, before.Opened),
		MessagesIn: rate(s.MessagesIn, before.MessagesIn), MessagesOut: rate(s.MessagesOut, before.MessagesOut),
		BytesIn: rate(s.BytesIn, before.BytesIn), BytesOut: rate(s.BytesOut, before.BytesOut),
	}
}
