package actors

import (
	"cmp"
	"errors"
	"reflect"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/actors/dispatch"
	"github.com/spindrift-go/spindrift/actors/transport"
	"github.com/spindrift-go/spindrift/pipeline"
)

// ErrStopped is in Closed when the connection's actor was stopped from outside.
var ErrStopped = errors.New("connection actor was stopped")

// stream is the side of a connection that drives a pipeline. Its files are the way of a
// message: turn.go says what a turn is for, input.go reads, top.go and credit.go hand over,
// output.go writes, ending.go ends, and driver.go is what the pipeline sees of it.
type stream struct {
	*conn
	*turnState // nil between turns
	transport  transport.Transport
	pipeline   *pipeline.Pipeline
	limits     *Limits // shared: replaced, not changed
	changer    Changer // nil: no message changes anything
	timers     timers

	group   *Group
	inGroup links[stream]
	life    Lifetime // nil: nobody hears of the end; a *watch where somebody looks on, see watch

	top       top
	handler   *dispatch.Mailbox // of the actor on top; nil: there is none, or its mailbox is not ours
	again     Again             // nil: nothing is told to a handler that was restarted
	ofHandler links[stream]     // of a shared handler: its other connections
	credit    credit

	lastRead    time.Duration
	pending     *pendingInput // read and not decoded; nil: nothing
	counted     int           // bytes that the pipeline was told of, see tally
	exemptSince time.Duration // if exempt
	exemptFor   time.Duration // before that, in all

	subscriptions *Subscription // of those who send here without being the handler; nil: none

	out    output
	hangup *pipeline.Hangup // nil until the pipeline asks for the end
	faults *faults          // nil: none so far

	// Side by side, they are two words of an idle connection and not five.
	lastBurst     uint8 // messages that the handler was given in the last turn that had any
	handlerGone   bool  // nobody is told anything any more
	closedTold    bool  // Closed was handed over
	creditWatched bool  // a creditCheck is on its way
	paused        bool  // the socket is not read, see pauseReasons
	onHold        bool  // the handler asked for that
	throttled     bool  // a stage did: it holds more for the handler than it should
	exempt        bool  // it is not read for a reason that is not the peer's
	eof           bool  // the peer will send no more
	endSeen       bool  // the poller has seen the peer's end: it comes behind what is there
	cut           bool  // the end is due when the turn is over
	lingering     bool  // a lingered is on its way
}

// faults are why a connection cannot go on.
type faults struct {
	write error // of the last write: what the peer sent before is still read
	cause error // of an end that the pipeline did not ask for
}

func (s *stream) faultsOf() *faults {
	if s.faults == nil {
		s.faults = new(faults)
	}
	return s.faults
}

// failed is why nothing is written any more, or nil.
func (s *stream) failed() error {
	if s.faults == nil {
		return nil
	}
	return s.faults.write
}

// cause is why the connection ends, if the pipeline did not ask for it, or nil.
func (s *stream) cause() error {
	if s.faults == nil {
		return nil
	}
	return s.faults.cause
}

// become makes c the driver of p over t, whose first bytes were read already,
// within the present turn.
func (c *conn) become(p *Plan, t transport.Transport, first []byte) {
	s := &stream{conn: c, transport: t, top: nobody{}, limits: cmp.Or(p.Limits, &unlimited), life: p.Life, changer: p.Changer, lastRead: c.rt.now()}
	s.beginTurn()
	s.timers.deadline.Init(&c.mailbox)
	if p.Watcher != nil {
		s.life = &watch{Watcher: p.Watcher, life: p.Life, from: c.origin}
	}
	c.side = s
	s.attach(p)
	s.group = cmp.Or(p.Group, &c.rt.defaultGroup)
	s.group.join(s)
	s.hello = p.Hello
	s.pipeline = pipeline.NewMetered(s, p.Top, p.Core, s.watch().count())
	s.out.add(p.Greeting)
	s.watch().open()
	s.pipeline.Up(&pipeline.Start{})
	if p.Hello != nil { // through the stages, which may see and change it
		s.pipeline.Up(p.Hello)
		s.hello = nil
	}
	if p.Options != nil {
		s.pipeline.Down(p.Options)
	}
	if len(first) > 0 {
		s.feed(first, nil)
	}
	s.flush() // the answer to a handshake is awaited
	s.conclude()
}

// changedBy applies what a message of the program changes, if it is one that changes something.
func (s *stream) changedBy(message any, sender *actor.PID) bool {
	if s.changer == nil {
		return false
	}
	change, next := s.changer.Change(message)
	if next == nil {
		return false
	}
	switch c := change.(type) {
	case *SetTop:
		s.setTop(c.Top)
	case *SetLimits:
		s.setLimits(c)
	case *Answer:
		if sender != nil {
			s.tell(sender, c.Message)
		}
	}
	s.changer = next
	return true
}

// setLimits applies limits that have changed. What was handed over may be more than they
// allow and yet too little for a Touch so far.
func (s *stream) setLimits(m *SetLimits) {
	own := *s.limits
	m.Limits(&own)
	s.limits = &own
	if l, ok := s.top.(*local); ok {
		l.limited(s.limits)
	}
	if s.credit.spent(s.limits) && len(s.credit.marks) == 0 {
		s.touch(nil)
	}
	s.watchCredit()
	s.resume()
	if m.Options != nil {
		s.pipeline.Down(m.Options)
	}
}

// sameType reports whether b may be what a stage has made of a.
func sameType(a, b any) bool { return reflect.TypeOf(a) == reflect.TypeOf(b) }
