package pipeline

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"time"

	"github.com/spindrift-go/spindrift/frame"
)

// AutoPing sends a Ping to a peer that has been silent for a while, and ends the
// connection when it stays silent: any byte is life. It matches every Pong with
// the Ping it answers, the handler's own too, and tells the RoundTripTime; a
// Pong that matches nothing is dropped.
type AutoPing struct {
	Interval time.Duration // of silence before a Ping; 0: never ping
	Timeout  time.Duration // of further silence before the end, with 1011; 0: never
	Payload  func() []byte // at most 125 bytes, for the next Ping; nil: a counter
	OneWay   bool          // send Pongs, which nobody answers, and expect nothing
	Memory   int           // Pings remembered; 0: 16
	Show     bool          // hand Pongs to the handler as well
	Quiet    bool          // tell the handler the RoundTripTime of its own Pings only; a handler that waits for silence would never have it
}

// look comes back to its pinger when the peer's silence may be long enough to act on.
type look pinger

type ping struct {
	payload []byte
	at      time.Time
	unasked bool
}

// Stage returns AutoPing as a stage.
func (o AutoPing) Stage() Stage {
	return func(up, down Sink) (Sink, Sink) { return asStage(up, down, &pinger{AutoPing: &o}) }
}

type pinger struct {
	link
	*AutoPing        // the recipe, until its times are changed
	pings     *pings // nil: there was never one
}

// pings are those of a connection that has sent some.
type pings struct {
	unanswered []ping // oldest first
	count      uint32
	asked      time.Duration // when the Ping that awaits life was sent, since 1970; 0: none
}

func (p *pinger) ofPings() *pings {
	if p.pings == nil {
		p.pings = new(pings)
	}
	return p.pings
}

func (p *pinger) onUp(item any) {
	switch m := item.(type) {
	case *Start:
		p.lookIn(p.Interval)
	case *look:
		if m == (*look)(p) {
			p.look()
			return
		}
	case *frame.Frame:
		if m.Opcode == frame.OpPong {
			p.match(m)
			if !p.Show {
				return
			}
		}
	}
	p.up(item)
}

func (p *pinger) onDown(item any) {
	switch m := item.(type) {
	case *frame.Frame:
		if m.Opcode == frame.OpPing {
			p.remember(m.Payload, false)
		}
	case *Limits:
		if m.PingInterval != 0 || m.PingTimeout != 0 {
			own := *p.AutoPing
			p.AutoPing = &own
			set(&p.Interval, m.PingInterval)
			set(&p.Timeout, m.PingTimeout)
			p.askedNothing()
			p.lookIn(p.Interval)
		}
	}
	p.down(item)
}

// lookIn asks for the next look, in place of any other that is under way.
func (p *pinger) lookIn(d time.Duration) {
	if p.Interval > 0 {
		p.down(&After{Delay: d, Event: (*look)(p), Replace: true})
	}
}

func (p *pinger) look() {
	if p.Interval == 0 { // switched off meanwhile
		return
	}
	s := p.status()
	if g := p.pings; g != nil && g.asked != 0 && since1970(s.LastRead) < g.asked {
		if waited := since1970(s.Now) - g.asked; waited < p.Timeout {
			p.lookIn(p.Timeout - waited)
			return
		}
		p.down(frame.Failure(frame.InternalError, "no answer to ping"))
		return
	}
	p.askedNothing()
	if silent := s.Now.Sub(s.LastRead); silent < p.Interval {
		p.lookIn(p.Interval - silent)
		return
	}
	p.ask(s.Now)
}

func (p *pinger) askedNothing() {
	if p.pings != nil {
		p.pings.asked = 0
	}
}

func (p *pinger) ask(now time.Time) {
	var payload []byte
	if p.Payload != nil {
		payload = p.Payload()
	} else {
		g := p.ofPings()
		g.count++
		payload = binary.BigEndian.AppendUint32(nil, g.count)
	}
	if p.OneWay {
		p.down(frame.Pong(payload))
		p.lookIn(p.Interval)
		return
	}
	p.remember(payload, p.Quiet)
	p.down(frame.Ping(payload))
	if p.Timeout > 0 {
		p.ofPings().asked = since1970(now)
		p.lookIn(min(p.Interval, p.Timeout)) // a Pong may come soon
	} else {
		p.lookIn(p.Interval)
	}
}

func (p *pinger) remember(payload []byte, unasked bool) {
	sent := &p.ofPings().unanswered
	if s := *sent; len(s) >= max(cmp.Or(p.Memory, 16), 1) {
		*sent = append(s[:0], s[1:]...)
	}
	*sent = append(*sent, ping{bytes.Clone(payload), p.status().Now, unasked}) // a copy: the frame is its sender's
}

// match finds the Ping that f answers; older ones will not be answered any more
// (RFC 6455 5.5.3).
func (p *pinger) match(f *frame.Frame) {
	if p.pings == nil {
		return
	}
	sent := p.pings.unanswered
	for i := len(sent) - 1; i >= 0; i-- {
		if s := sent[i]; bytes.Equal(s.payload, f.Payload) {
			p.pings.unanswered = append(sent[:0], sent[i+1:]...)
			p.up(&RoundTripTime{Duration: p.status().Now.Sub(s.at), Payload: s.payload, Unasked: s.unasked})
			return
		}
	}
}

func (p *pinger) status() *Status {
	s := new(Status)
	p.down(s)
	return s
}
