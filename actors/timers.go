package actors

import (
	"slices"
	"time"

	"github.com/spindrift-go/spindrift/actors/dispatch"
	"github.com/spindrift-go/spindrift/pipeline"
)

// timers are the events that a connection waits for; few, so a sorted list. Only
// the first is among the deadlines of the runtime.
type timers struct {
	deadline dispatch.Deadline
	list     []timer // by time
}

type timer struct {
	at    time.Duration
	event any  // nil: it has come
	top   bool // asked for by the top of the pipeline
}

// eventsATurn is how many events a turn takes: others wait behind it.
const eventsATurn = 64

// after asks for an event of the driver's own, past d.
func (s *stream) after(d time.Duration, event any) {
	s.schedule(&pipeline.After{Delay: d, Event: event})
}

// schedule has an event come up in a later turn, as m asks.
func (s *stream) schedule(m *pipeline.After) {
	t := &s.timers
	if m.Replace && m.Event != nil {
		t.list = slices.DeleteFunc(t.list, func(w timer) bool { return same(w.event, m.Event) })
	}
	at := s.rt.now() + max(m.Delay, 1) // never in the turn that asks
	if t.list == nil {                 // the next Ping, and a look at the handler: the usual
		t.list = make([]timer, 0, 2)
	}
	i := len(t.list)
	for i > 0 && t.list[i-1].at > at {
		i--
	}
	t.list = slices.Insert(t.list, i, timer{at, m.Event, m.Top})
	if i == 0 {
		s.rt.deadlines.Set(&t.deadline, at)
	}
}

// withdraw forgets the events of a type.
func withdraw[T any](t *timers) {
	t.list = slices.DeleteFunc(t.list, func(w timer) bool { _, is := w.event.(T); return is })
}

// fireTimers reads what has arrived, for a timer may be about that, and then sends the events that
// are due where they belong.
func (s *stream) fireTimers() {
	t := &s.timers
	fired := 0
	defer func() { // also if a stage panics
		s.fired, s.late = nil, false
		t.list = slices.Delete(t.list, 0, fired)
		t.arm(s.rt.deadlines)
	}()
	last := s.lastRead
	s.read()
	s.late = s.lastRead > last || s.transport.HasUnread()
	now := s.rt.now()
	for fired < min(len(t.list), eventsATurn) && t.list[fired].at <= now {
		event := t.list[fired].event
		t.list[fired].event = nil // an event that comes asks for later ones only: they go behind
		fired++
		switch m := event.(type) {
		case *lingerCheck:
			s.checkLinger()
		case *silenceCheck:
			s.checkSilence()
		case *slowCheck:
			s.checkSlow()
		case *creditCheck:
			s.checkCredit()
		case *stallCheck:
			s.checkStall(m)
		default:
			s.fired = event
			s.pipeline.Up(event)
			s.fired = nil
		}
	}
}

func (t *timers) arm(w *dispatch.Deadlines) {
	if len(t.list) > 0 {
		w.Set(&t.deadline, t.list[0].at)
	}
}

// isFired reports whether item is a timer's event that no stage has taken: a stage
// that was replaced can leave one.
func (s *stream) isFired(item any) bool {
	return s.fired != nil && same(s.fired, item)
}

// same is a == b, and false for what Go cannot compare: an event of the program's may be of any type.
func same(a, b any) bool {
	defer func() { recover() }()
	return a == b
}
