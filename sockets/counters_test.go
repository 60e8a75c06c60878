package sockets

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// In a storm of connections that come, talk and go, some by accident, what the observers of
// the server and of the clients have counted is what the clients know of.
func TestCountersAfterAStorm(t *testing.T) {
	clients := 1500
	if testing.Short() {
		clients = 60
	}
	sampled(t, func(w *world) {
		var all, calm, rough, ours Counters
		echoes := func(c *Counters, compressed bool) http.Handler {
			h := w.handler(echo)
			o := &Options{Portable: w.portable, Observers: []*Observer{c.Observer(), w.pairs.observer()}}
			if compressed {
				o.Compression = &pipeline.Compression{}
			}
			return &Handler{System: w.system, FrameHandler: h.pid, Options: o}
		}
		mux := http.NewServeMux()
		mux.Handle("/calm", echoes(&calm, true))
		mux.Handle("/rough", echoes(&rough, false))
		mux.Handle("/closed", &Handler{System: w.system, New: func(*http.Request) (*UpgradeServer, error) { return nil, &Refusal{} }})
		s := &Server{Server: quiet(mux), System: w.system, Observers: []*Observer{all.Observer()}}
		addr := w.run(s)
		base := strings.TrimSuffix(w.url(addr), "/chat")

		var sent, sentBytes, opened, refused atomic.Int64 // by the calm ones, and by all
		var wg sync.WaitGroup
		turns := make(chan int)
		for range 16 {
			wg.Go(func() {
				random := rand.New(rand.NewPCG(1, 2))
				for i := range turns {
					path := []string{"/calm", "/rough", "/calm", "/rough", "/closed"}[i%5]
					o := &DialOptions{System: w.system, Dialer: Dialer{TLS: clientTLS()}, Options: &Options{Portable: w.portable}}
					if path == "/calm" {
						o.Options.Observers = []*Observer{ours.Observer(), w.pairs.observer()}
						o.Options.Compression = &pipeline.Compression{}
					}
					ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
					c, err := Dial(ctx, base+path, o)
					if path == "/closed" {
						refused.Add(1)
						assert.Error(w, err)
						cancel()
						continue
					}
					if !assert.NoError(w, err) {
						cancel()
						continue
					}
					opened.Add(1)
					n := random.IntN(20)
					for range n {
						size := random.IntN(2000)
						c.Send(ctx, frame.Text(strings.Repeat("a", size)))
						if path == "/calm" {
							sent.Add(1)
							sentBytes.Add(int64(size))
						}
					}
					switch {
					case path == "/calm":
						for range n {
							_, err := c.Receive(ctx)
							assert.NoError(w, err)
						}
						assert.NoError(w, c.Close(frame.Normal, ""))
					case i%2 == 0:
						c.Close(frame.Code(4000+i%3), "")
					default:
						c.Cut()
					}
					cancel()
				}
			})
		}
		for i := range clients {
			turns <- i
		}
		close(turns)
		wg.Wait()
		require.NoError(w, s.Shutdown(w.Context()))
		require.True(w, until(func() bool { return ours.Stats().Open == 0 }))

		got := calm.Stats()
		assert.Equal(w, sent.Load(), got.MessagesIn)
		assert.Equal(w, sent.Load(), got.MessagesOut)
		assert.Equal(w, sentBytes.Load(), got.BytesIn)
		assert.Equal(w, sentBytes.Load(), got.BytesOut)
		assert.Equal(w, map[string]int64{"1000": got.Opened}, got.Closed)
		assert.Equal(w, map[string]int64{"peer": got.Opened}, got.ClosedBy)
		theirs := ours.Stats()
		assert.Equal(w, sent.Load(), theirs.MessagesIn)
		assert.Equal(w, sent.Load(), theirs.MessagesOut)
		assert.Equal(w, sentBytes.Load(), theirs.BytesIn)
		assert.Equal(w, sentBytes.Load(), theirs.BytesOut)
		assert.Equal(w, got.Opened, theirs.Opened)
		assert.Equal(w, map[string]int64{"local": got.Opened}, theirs.ClosedBy)

		whole, accidents := all.Stats(), rough.Stats()
		assert.Equal(w, opened.Load(), whole.Opened)
		assert.Equal(w, opened.Load(), got.Opened+accidents.Opened)
		assert.Equal(w, map[string]int64{"403": refused.Load()}, whole.Refused)
		assert.Equal(w, got.MessagesIn+accidents.MessagesIn, whole.MessagesIn)
		assert.Equal(w, got.BytesOut+accidents.BytesOut, whole.BytesOut)
		assert.Zero(w, whole.Open)
		ended := int64(0)
		for _, n := range whole.Closed {
			ended += n
		}
		assert.Equal(w, whole.Opened, ended)
	})
}

// Stats say what a page shows, and in JSON all of it.
func TestStatsOfCounters(t *testing.T) {
	var c Counters
	o := c.Observer()
	o.Opened(nil, nil)
	before := c.Stats()
	o.Opened(nil, nil)
	o.Traffic(nil, Traffic{MessagesIn: 3, BytesIn: 30})
	o.Traffic(nil, Traffic{MessagesOut: 2, BytesOut: 20})
	o.RoundTrip(nil, 3*time.Millisecond)
	o.RoundTrip(nil, time.Minute)
	o.Dropped(nil, Dropped{Messages: 4, Bytes: 40})
	o.Panicked(nil, "on purpose")
	o.Closed(nil, &Closed{Code: 1006, By: Nobody})
	o.Refused(&Refused{Status: 403})
	now := c.Stats()
	assert.EqualValues(t, 1, now.Open)
	now.Time = before.Time.Add(2 * time.Second)
	assert.Equal(t, Rates{Opened: 0.5, MessagesIn: 1.5, MessagesOut: 1, BytesIn: 15, BytesOut: 10}, now.Since(before))
	assert.Zero(t, now.Since(now))
	now.Time = time.Time{}
	text, err := json.Marshal(now)
	require.NoError(t, err)
	assert.JSONEq(t, `{"time":"0001-01-01T00:00:00Z","open":1,"opened":2,"closed":{"1006":1},"closed_by":{"nobody":1},"refused":{"403":1},
		"messages_in":3,"messages_out":2,"bytes_in":30,"bytes_out":20,"dropped_messages":4,"dropped_bytes":40,"panics":1,
		"round_trips":[{"max_ms":0.1,"count":0},{"max_ms":0.25,"count":0},{"max_ms":0.5,"count":0},{"max_ms":1,"count":0},{"max_ms":2.5,"count":0},
		{"max_ms":5,"count":1},{"max_ms":10,"count":0},{"max_ms":25,"count":0},{"max_ms":50,"count":0},{"max_ms":100,"count":0},{"max_ms":250,"count":0},
		{"max_ms":500,"count":0},{"max_ms":1000,"count":0},{"max_ms":2500,"count":0},{"max_ms":5000,"count":0},{"max_ms":0,"count":1}]}`, string(text))
}

// BenchmarkCounters is what the end of a burst costs a connection that is counted.
func BenchmarkCounters(b *testing.B) {
	w := observe(Handshake{}, []*Observer{new(Counters).Observer()})
	all := Traffic{}
	for b.Loop() {
		all.MessagesIn++
		w.Traffic(all, Traffic{MessagesIn: 1, BytesIn: 64})
	}
}
