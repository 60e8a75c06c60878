package actors

import (
	"cmp"
	"errors"
	"reflect"
	"time"

	"github.com/spindrift-go/spindrift/actors/dispatch"
	"github.com/spindrift-go/spindrift/actors/transport"
	"github.com/spindrift-go/spindrift/internal/linked"
	"github.com/spindrift-go/spindrift/pipeline"
)

// ErrStopped is in Closed when the connection's actor was stopped from outside.
var ErrStopped = errors.New("connection actor was stopped")

// stream is the behaviour of a connection that drives a pipeline. Its files are the way of a
// message: turn.go says what a turn is for, input.go reads, feed.go decodes, handover.go and credit.go hand over,
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
	inGroup linked.Links[stream]
	life    Lifetime // nil: nobody hears of the end; an *observation where somebody observes

	top     top
	handler *dispatch.Mailbox // of the actor on top; nil: there is none, or its mailbox is not ours
	credit  credit

	lastRead time.Duration

	out  output
	rare *rare // nil: there was never any of it

	// Side by side, they are one word of an idle connection. The first three are in state.go.
	hearing       hearing
	reading       reading
	peerEnd       peerEnd
	lastBurst     uint8 // messages that the handler was given in the last turn that had any
	onHold        bool  // the handler has asked that the socket is not read
	throttled     bool  // a stage has: it holds more for the handler than it should
	creditWatched bool  // a creditCheck is on its way
	endDue        bool  // the end comes when the turn is over
}

// become makes c the driver of p over t, whose first bytes were read already,
// within the present turn.
func (c *conn) become(p *Plan, t transport.Transport, first []byte) {
	s := &stream{conn: c, transport: t, top: noTop{}, limits: cmp.Or(p.Limits, &unlimited), life: p.Life, changer: p.Changer, lastRead: c.rt.now()}
	s.beginTurn()
	s.timers.deadline.Init(&c.mailbox)
	if p.Observer != nil {
		s.life = &observation{Observer: p.Observer, life: p.Life, from: c.origin}
	}
	c.behaviour = s
	s.attach(p)
	s.group = cmp.Or(p.Group, &c.rt.defaultGroup)
	s.group.join(s)
	s.hello = p.Hello
	s.pipeline = pipeline.NewMetered(s, p.Top, p.Core, s.observation().count())
	s.out.add(p.Greeting)
	s.observation().open()
	s.pipeline.Up(&pipeline.Start{})
	if p.Hello != nil { // through the stages, which may see and change it
		s.pipeline.Up(p.Hello)
		s.hello = nil
	}
	if p.Options != nil {
		s.pipeline.Down(p.Options)
	}
	if len(first) > 0 {
		s.feed(first, new(*transport.ReadBuffer))
	}
	s.flush() // the answer to a handshake is awaited
	s.concludeTurn()
}

// sameType reports whether b may be what a stage has made of a.
func sameType(a, b any) bool { return reflect.TypeOf(a) == reflect.TypeOf(b) }
