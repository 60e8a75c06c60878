package sockets

import (
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/stretchr/testify/assert"
)

// pairs observes connections, and remembers what does not belong together.
type pairs struct {
	mu      sync.Mutex
	open    map[*Observed]bool // false: Closed was told
	refused []*Refused
	closed  []*Closed
	faults  []string
	traffic Traffic // the bursts'
	total   Traffic // of connections that are closed
	panics  int
	drops   Dropped
	rtts    []time.Duration
	news    chan struct{} // gets a token with each Closed and Refused; nil: nobody waits
}

func (p *pairs) observer() *Observer {
	alive := func(c *Observed, what string, f func()) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if !p.open[c] {
			p.faults = append(p.faults, what+" of what is not open")
		}
		f()
	}
	return &Observer{
		Opened: func(c *Observed, r *http.Request) {
			p.mu.Lock()
			defer p.mu.Unlock()
			if p.open == nil {
				p.open = map[*Observed]bool{}
			}
			if _, twice := p.open[c]; twice {
				p.faults = append(p.faults, "opened twice")
			}
			if c.Opened.Before(c.Began) || r == nil || c.Path != r.URL.Path || c.Peer == "" {
				p.faults = append(p.faults, fmt.Sprintf("%+v of %v", c, r))
			}
			p.open[c] = true
		},
		Refused: func(r *Refused) {
			p.mu.Lock()
			defer p.mu.Unlock()
			if r.Err == nil || r.Began.IsZero() {
				p.faults = append(p.faults, fmt.Sprintf("%+v", r))
			}
			p.refused = append(p.refused, r)
			p.tell()
		},
		Closed: func(c *Observed, how *Closed) {
			alive(c, "closed", func() {
				p.open[c] = false
				p.closed = append(p.closed, how)
				p.total = sum(p.total, c.Traffic)
				p.tell()
			})
		},
		Traffic: func(c *Observed, t Traffic) {
			alive(c, "traffic", func() { p.traffic = sum(p.traffic, t) })
		},
		RoundTrip: func(c *Observed, d time.Duration) { alive(c, "round trip", func() { p.rtts = append(p.rtts, d) }) },
		Dropped: func(c *Observed, d Dropped) {
			alive(c, "dropped", func() { p.drops.Messages += d.Messages; p.drops.Bytes += d.Bytes })
		},
		Panicked: func(c *Observed, _ any) { alive(c, "panicked", func() { p.panics++ }) },
	}
}

func (p *pairs) tell() {
	select {
	case p.news <- struct{}{}:
	default:
	}
}

// judge is called when all is over.
func (p *pairs) judge(t assert.TestingT) {
	p.mu.Lock()
	defer p.mu.Unlock()
	assert.Empty(t, p.faults, "what observers were told")
	for c, open := range p.open {
		assert.False(t, open, "never closed: %+v", c)
	}
	assert.Equal(t, p.total, p.traffic, "bursts, and what the closed had in all")
}

func sum(a, b Traffic) Traffic {
	return Traffic{
		MessagesIn: a.MessagesIn + b.MessagesIn, BytesIn: a.BytesIn + b.BytesIn,
		MessagesOut: a.MessagesOut + b.MessagesOut, BytesOut: a.BytesOut + b.BytesOut,
	}
}
