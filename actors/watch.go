package actors

import (
	"cmp"
	"fmt"
	"time"

	"github.com/spindrift-go/spindrift/pipeline"
)

// Watcher is told what becomes of one connection, for those who count and log: Refused,
// or Opened and at last, exactly once, Closed. All is called in turns of the connection,
// but Refused, which may come before there is one. It must not block. A panic of it is
// logged, and harms nobody.
type Watcher interface {
	// Opened: the pipeline is there, and nothing has gone through it yet.
	Opened()
	// Refused: nothing has come of the upgrade that was planned.
	Refused(why error)
	// Traffic is called at the end of a burst that had any, and before Closed, with all there
	// was so far, and since the last call.
	Traffic(all, since pipeline.Traffic)
	RoundTrip(d time.Duration)
	Dropped(d pipeline.Dropped)
	// Panicked: a stage, the handler or a session has.
	Panicked(reason any)
	// Closed is called when the handler was sent Closed, before a drain hears of it.
	Closed(how *pipeline.Closed)
}

// watch is a connection's Watcher and what it has to tell. Its methods work on a
// nil watch too, and cost nothing then.
//
// It takes the place of the connection's Lifetime, which it passes on to, so that a
// connection which nobody observes has no field for it.
type watch struct {
	Watcher
	life   Lifetime // nil: there is no other
	meter  pipeline.Meter
	told   pipeline.Traffic
	opened bool
	why    error   // what kept it from that, if it is known
	from   *origin // for the log
}

// watch is who looks on; nil: nobody does.
func (s *stream) watch() *watch {
	w, _ := s.life.(*watch)
	return w
}

// Ended makes watch a Lifetime.
func (w *watch) Ended() {
	if w.life != nil {
		w.life.Ended()
	}
}

// Settled makes watch a Lifetime.
func (w *watch) Settled() {
	if w.life != nil {
		w.life.Settled()
	}
}

// count is the meter for the pipeline.
func (w *watch) count() *pipeline.Meter {
	if w == nil {
		return nil
	}
	return &w.meter
}

func (w *watch) open() {
	if w != nil {
		w.opened = true
		defer w.rescue()
		w.Opened()
	}
}

// burst tells of the traffic since the last one.
func (w *watch) burst() {
	if w != nil && w.meter.Traffic != w.told {
		w.report()
	}
}

func (w *watch) report() {
	all, told := w.meter.Traffic, w.told
	w.told = all
	defer w.rescue()
	w.Watcher.Traffic(all, pipeline.Traffic{
		MessagesIn: all.MessagesIn - told.MessagesIn, BytesIn: all.BytesIn - told.BytesIn,
		MessagesOut: all.MessagesOut - told.MessagesOut, BytesOut: all.BytesOut - told.BytesOut,
	})
}

func (w *watch) roundTrip(d time.Duration) {
	if w != nil {
		defer w.rescue()
		w.RoundTrip(d)
	}
}

func (w *watch) dropped(d *pipeline.Dropped) {
	if w != nil {
		defer w.rescue()
		w.Dropped(*d)
	}
}

func (w *watch) panicked(reason any) {
	switch {
	case w == nil:
	case !w.opened:
		w.why = fmt.Errorf("panic: %v", reason)
	default:
		defer w.rescue()
		w.Panicked(reason)
	}
}

// end is the last that is told.
func (w *watch) end(how *pipeline.Closed) {
	switch {
	case w == nil:
	case !w.opened:
		refuse(w.Watcher, cmp.Or(w.why, errUpgradeFailed), w.from)
	default:
		w.burst()
		defer w.rescue()
		w.Closed(how)
	}
}

func (w *watch) rescue() { rescueWatcher(recover(), w.from) }

// refuse tells w, which may be nil, that nothing has come of an upgrade.
func refuse(w Watcher, why error, from *origin) {
	if w != nil {
		defer func() { rescueWatcher(recover(), from) }()
		w.Refused(why)
	}
}

func rescueWatcher(reason any, from *origin) {
	if reason != nil {
		from.panicked("observer panicked", reason)
	}
}

// watched is what is told of c at present; nil: nobody is.
func (c *conn) watched() *watch {
	if s, ok := c.behaviour.(*stream); ok {
		return s.watch()
	}
	return nil
}
