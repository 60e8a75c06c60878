package actors

import (
	"errors"
	"net"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/actors/dispatch"
	"github.com/spindrift-go/spindrift/internal/linked"
)

// ErrNoConnection: a PID is not that of a connection of this actor system.
var ErrNoConnection = errors.New("not a connection of this actor system")

// Ref is a connection's actor, found by its PID. Two Refs are equal if they are of the same
// connection.
type Ref struct{ conn *conn }

// Find finds the connection whose actor pid is. The error is ErrNoConnection, or net.ErrClosed
// if there is no such actor any more.
func (rt *Runtime) Find(pid *actor.PID) (Ref, error) {
	if pid == nil || pid.Address != rt.system.Address() {
		return Ref{}, ErrNoConnection
	}
	process, ok := rt.system.ProcessRegistry.GetLocal(pid.Id)
	if !ok {
		return Ref{}, net.ErrClosed
	}
	if m := dispatch.Of(process); m != nil {
		if c, ok := m.Owner().(*conn); ok {
			return Ref{c}, nil
		}
	}
	return Ref{}, ErrNoConnection
}

// Subscriber hears of the end of a connection that it is not the handler of.
type Subscriber interface {
	// Ended is called once when the connection has ended, before its handler is told Closed. It
	// is called in a turn of the connection's, and must not block.
	Ended()
}

// Subscription is how a connection is sent to by somebody who is not its handler, and does not
// wait for it: a room. It is part of what the Subscriber keeps for each connection. All methods
// but Subscribe may be called from any goroutine.
type Subscription struct {
	conn    *conn
	pid     *actor.PID
	who     Subscriber
	waiting atomic.Int64 // bytes of output that the socket had not taken when the connection last looked, and those posted since
	ended   atomic.Bool  // Ended was called

	links  linked.Links[Subscription] // of the connection; changed in its turns
	listed bool                       // it is one of them; likewise
}

// unsubscribe ends a Subscription.
type unsubscribe struct{ *Subscription }

// Subscribe begins a subscription to the connection that was found by pid: it is called once.
// If that has ended, Ended is called within the call, or later.
func (s *Subscription) Subscribe(c Ref, pid *actor.PID, who Subscriber) {
	s.conn, s.pid, s.who = c.conn, pid, who
	s.conn.mailbox.PostUserMessage(s)
	if _, ok := s.conn.rt.system.ProcessRegistry.GetLocal(pid.Id); !ok { // its last turn may have been before
		s.end()
	}
}

// Unsubscribe ends the subscription. Ended may be called once more if the connection ends at
// the same time.
func (s *Subscription) Unsubscribe() { s.conn.mailbox.PostUserMessage(unsubscribe{s}) }

// Connection returns the connection.
func (s *Subscription) Connection() Ref { return Ref{s.conn} }

// PID returns the PID that the connection was found by.
func (s *Subscription) PID() *actor.PID { return s.pid }

// Waiting is how many bytes of output wait at the connection: what the socket has not taken,
// and what was posted by this Subscription and not worked through.
func (s *Subscription) Waiting() int { return int(s.waiting.Load()) }

// Post sends a message of size bytes to the connection. Once that has ended it goes nowhere.
func (s *Subscription) Post(message any, size int) {
	s.waiting.Add(int64(size))
	s.conn.mailbox.PostUserMessage(message)
}

func (s *Subscription) end() {
	if !s.ended.Swap(true) {
		s.who.Ended()
	}
}

// Fanout sends a message to many connections of one actor system: their turns are queued
// together, some at a time, and not each under a lock of its own. The zero value is ready.
type Fanout struct {
	dispatcher *dispatch.Dispatcher // of all of ready
	ready      [32]*dispatch.Mailbox
	n          int
}

// Post is Subscription.Post. It is done when Flush is called, or before.
func (f *Fanout) Post(s *Subscription, message any, size int) {
	s.waiting.Add(int64(size))
	if s.conn.mailbox.Add(message) {
		f.dispatcher, f.ready[f.n] = s.conn.rt.dispatcher, &s.conn.mailbox
		if f.n++; f.n == len(f.ready) {
			f.Flush()
		}
	}
}

// Flush queues the turns that are left.
func (f *Fanout) Flush() {
	if f.n > 0 {
		f.dispatcher.EnqueueAll(f.ready[:f.n])
		f.n = 0
	}
}

// subscribe takes a subscription, if the connection is one that can be sent to.
func (c *conn) subscribe(sub *Subscription) {
	s, ok := c.behaviour.(*stream)
	if !ok {
		sub.end()
		return
	}
	linked.Add(&s.makeRare().subscriptions, sub, ofStream)
	sub.listed = true
}

func (c *conn) unsubscribe(sub *Subscription) {
	s, ok := c.behaviour.(*stream)
	if !ok || !sub.listed {
		return
	}
	linked.Remove(&s.rare.subscriptions, sub, ofStream)
	sub.listed = false
}

// endSubscriptions tells the subscribers of a connection that has ended.
func (s *stream) endSubscriptions() {
	for sub := s.rarely().subscriptions; sub != nil; sub = s.rare.subscriptions {
		linked.Remove(&s.rare.subscriptions, sub, ofStream)
		sub.listed = false
		sub.end()
	}
}

// outputLeft is told how much output waits at the end of a burst. What was posted meanwhile
// counts until the next one.
func (s *Subscription) outputLeft(waiting int) {
	was := s.waiting.Load()
	if was != int64(waiting) && s.conn.mailbox.UserMessageCount() == 0 {
		s.waiting.CompareAndSwap(was, int64(waiting))
	}
}

func ofStream(s *Subscription) *linked.Links[Subscription] { return &s.links }
