package actors

import (
	"cmp"
	"fmt"
	"time"

	"github.com/spindrift-go/spindrift/pipeline"
)

// Observer is told what becomes of one connection, for those who count and log: Refused,
// or Opened and at last, exactly once, Closed. All is called in turns of the connection,
// but Refused, which may come before there is one. It must not block. A panic of it is
// logged, and harms nobody.
type Observer interface {
	// Opened: the pipeline is there, and nothing has gone through it yet.
	Opened()
	// Refused: nothing has come of the upgrade that was planned.
	Refused(why error)
	// Traffic is called at the end of a burst that had any, and before Closed, with all there
	// was so far, and since the last call.
	Traffic(all, since pipeline.Traffic)
	// RoundTrip is called when a Pong has matched a Ping, with the time between them.
	RoundTrip(d time.Duration)
	// Dropped is called when messages were dropped, see pipeline.Outbox.
	Dropped(d pipeline.Dropped)
	// Panicked: a stage, the handler or a session has.
	Panicked(reason any)
	// Closed is called when the handler was sent Closed, before a drain hears of it.
	Closed(how *pipeline.Closed)
}

// observation is a connection's Observer and what there is to tell. Its methods work on nil too,
// for a connection that nobody observes, and cost nothing then.
//
// It lies in the field of the connection's Lifetime, to which it passes on what it is told, so
// that a connection which nobody observes needs no field for it.
type observation struct {
	Observer
	life   Lifetime // nil: there is no other
	meter  pipeline.Meter
	told   pipeline.Traffic // as of the last call of Traffic
	opened bool             // Opened was called
	why    error            // what kept the connection from that, if it is known
	from   *origin          // for the log
}

// observation is nil if nobody observes.
func (s *stream) observation() *observation {
	o, _ := s.life.(*observation)
	return o
}

// Ended makes observation a Lifetime.
func (o *observation) Ended() {
	if o.life != nil {
		o.life.Ended()
	}
}

// Settled makes observation a Lifetime.
func (o *observation) Settled() {
	if o.life != nil {
		o.life.Settled()
	}
}

// count is the meter for the pipeline.
func (o *observation) count() *pipeline.Meter {
	if o == nil {
		return nil
	}
	return &o.meter
}

func (o *observation) open() {
	if o != nil {
		o.opened = true
		defer o.rescue()
		o.Opened()
	}
}

// burst tells of the traffic since the last call, if there was any.
func (o *observation) burst() {
	if o != nil && o.meter.Traffic != o.told {
		o.report()
	}
}

func (o *observation) report() {
	all, told := o.meter.Traffic, o.told
	o.told = all
	defer o.rescue()
	o.Observer.Traffic(all, pipeline.Traffic{
		MessagesIn: all.MessagesIn - told.MessagesIn, BytesIn: all.BytesIn - told.BytesIn,
		MessagesOut: all.MessagesOut - told.MessagesOut, BytesOut: all.BytesOut - told.BytesOut,
	})
}

func (o *observation) roundTrip(d time.Duration) {
	if o != nil {
		defer o.rescue()
		o.RoundTrip(d)
	}
}

func (o *observation) dropped(d *pipeline.Dropped) {
	if o != nil {
		defer o.rescue()
		o.Dropped(*d)
	}
}

func (o *observation) panicked(reason any) {
	switch {
	case o == nil:
	case !o.opened:
		o.why = fmt.Errorf("panic: %v", reason)
	default:
		defer o.rescue()
		o.Panicked(reason)
	}
}

// end is the last that is told.
func (o *observation) end(how *pipeline.Closed) {
	switch {
	case o == nil:
	case !o.opened:
		refuse(o.Observer, cmp.Or(o.why, errUpgradeFailed), o.from)
	default:
		o.burst()
		defer o.rescue()
		o.Closed(how)
	}
}

func (o *observation) rescue() { rescueObserver(recover(), o.from) }

// refuse tells o, which may be nil, that nothing has come of an upgrade.
func refuse(o Observer, why error, from *origin) {
	if o != nil {
		defer func() { rescueObserver(recover(), from) }()
		o.Refused(why)
	}
}

func rescueObserver(reason any, from *origin) {
	if reason != nil {
		from.panicked("observer panicked", reason)
	}
}

// observed is the observation of c, nil if nobody observes or there is no pipeline.
func (c *conn) observed() *observation {
	if s, ok := c.behaviour.(*stream); ok {
		return s.observation()
	}
	return nil
}
