package sockets

import (
	"context"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/pipeline"
)

// ReconnectActor starts an actor that opens a WebSocket as DialActor does, and another
// whenever one is lost, until the loss is final. It returns at once: the first connection
// may be long in coming. A nil system is DefaultSystem, a nil r the defaults. The error is a
// mistake of the program's: an address that is none, no handler.
//
// The frame handler, one for all connections also if it is u's Spawn, gets from each
// connection all that it would get from one of DialActor's, from Upgraded to Closed, with
// that connection as the sender and credit of its own; Upgraded.Returns counts. From this
// actor it gets
//
//   - *Disconnected after each Closed, and after each attempt that has failed. The one that is
//     Final is the last message of all; a spawned handler ends behind it.
//   - *Dropped, for messages that could not wait.
//
// What is sent to this actor goes to the connection, or waits as r.Queue says while there is
// none. Nothing says that a message has arrived: what a connection had taken when it was lost
// may be lost too. A *Flush is answered with an error while there is no connection.
//
// A Close frame, *Leave, *Cut or *frame.Error that is sent to this actor ends it with its
// connection, at any moment; so does stopping it, which closes the connection with 1001 and
// does not wait for the peer. A Cut that is sent to a connection has another one follow it.
// It watches the handler, and ends with it. A handler on another node has not ended because that
// cannot be reached: attempts fail meanwhile. Its PID should name the node by "host:port", for
// after a restart it has another incarnation.
func ReconnectActor(system *actor.ActorSystem, address string, u *UpgradeClient, r *Reconnect) (*actor.PID, error) {
	system = orDefaultSystem(system)
	if _, err := parse(address); err != nil {
		return nil, &dialError{"dial", address, err}
	}
	if err := u.valid(system); err != nil {
		return nil, &dialError{"dial", address, err}
	}
	c := &comeback{Reconnect: r.orDefault(), system: system, address: address, upgrade: *u}
	c.queue = awayQueue[kept]{policy: c.Reconnect, size: func(k kept) int { return pipeline.Weight(k.message) }}
	if u.Spawn != nil {
		var o Options
		if u.Options != nil {
			o = *u.Options
		}
		o.EndOnRestart = true // for a handler that was restarted has forgotten its connection
		c.spawned, c.upgrade.Options = true, &o
		c.upgrade.Spawn, c.upgrade.FrameHandler = nil, system.Root.Spawn(u.Spawn.Clone(Dispatcher(system)))
	}
	return system.Root.Spawn(actor.PropsFromFunc(c.Receive)), nil
}

// comeback is the actor that comes back.
type comeback struct {
	*Reconnect
	system  *actor.ActorSystem
	address string
	upgrade UpgradeClient // whose handler is an actor
	spawned bool          // the handler ends with this actor
	self    *actor.PID

	unwatched bool // the handler is not watched: it has stopped, or is to be watched again once its node is reached

	line    line
	conn    *actor.PID // nil: away
	last    *attempt   // under way, or come to conn; nil: none is
	timer   *time.Timer
	retries retries
	returns int
	queue   awayQueue[kept]
	held    []kept // sent by who has heard of the connection before this actor has
	opening bool   // such may come
	pieces  fragments
	closing bool // the end was asked for
	told    bool // the last Disconnected was
}

// Messages of a comeback to itself.
type (
	attempted struct {
		attempt *attempt
		conn    *actor.PID
		err     error
	}
	connectionOver struct {
		attempt *attempt
		closed  *Closed
		held    time.Duration
	}
	connectionOpens struct{ attempt *attempt }
	tryAgain        struct{}
)

// Receive is the actor's turn.
func (c *comeback) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		c.self = ctx.Self()
		ctx.Watch(c.upgrade.FrameHandler)
		c.try()
	case *tryAgain:
		c.try()
	case *attempted:
		c.attempted(ctx, m)
	case *connectionOpens:
		c.opening = m.attempt == c.last
	case *connectionOver:
		c.connectionOver(ctx, m)
	case *actor.Terminated:
		if m.Who.Equal(c.upgrade.FrameHandler) {
			c.unwatched = true
			if m.Why != actor.TerminatedReason_AddressTerminated { // else nobody knows: its node cannot be heard
				ctx.Stop(c.self)
			}
		}
	case *actor.Stopping:
		c.stop(ctx)
	case actor.AutoReceiveMessage, actor.SystemMessage, *actor.Touch, *actor.DeadLetterResponse:
	default:
		c.send(ctx, kept{m, ctx.Sender()})
	}
}

// try makes an attempt.
func (c *comeback) try() {
	a := &attempt{line: &c.line, policy: c.Reconnect, returns: c.returns}
	a.over = func(closed *Closed, held time.Duration, stopped bool) {
		if !stopped {
			c.system.Root.Send(c.self, &connectionOver{a, closed, held})
			return
		}
		c.tell(&Disconnected{Closed: closed, Err: closed.Failure(), Final: true})
		c.dismiss()
	}
	a.opens = func() { c.system.Root.Send(c.self, &connectionOpens{a}) }
	c.last = a
	ctx, cancel := context.WithCancel(context.Background())
	a.cancel = cancel
	go func() {
		conn, err := a.dial(ctx, c.system, c.address, &c.upgrade)
		c.system.Root.Send(c.self, &attempted{a, conn, err})
	}()
}

func (c *comeback) attempted(ctx actor.Context, m *attempted) {
	m.attempt.cancel()
	if m.attempt != c.last { // it has ended already
		return
	}
	if m.err != nil {
		c.lose(ctx, c.loss(&c.retries, nil, m.err, 0))
		return
	}
	c.returns++
	c.conn = m.conn
	if c.unwatched {
		c.unwatched = false
		ctx.Watch(c.upgrade.FrameHandler)
	}
	waiting, lost := c.queue.empty()
	for _, k := range waiting {
		c.pass(ctx, k)
	}
	c.report(lost)
	c.sendHeld(ctx)
}

// sendHeld sends what was held.
func (c *comeback) sendHeld(ctx actor.Context) {
	held := c.held
	c.held, c.opening = nil, false
	for _, k := range held {
		c.send(ctx, k)
	}
}

func (c *comeback) connectionOver(ctx actor.Context, m *connectionOver) {
	if c.conn == nil {
		c.returns++
	}
	c.conn, c.last, c.pieces = nil, nil, fragments{}
	d := c.loss(&c.retries, m.closed, nil, m.held)
	if c.closing {
		d.Final, d.RetryIn = true, 0
	}
	c.lose(ctx, d)
	if !d.Final {
		c.sendHeld(ctx)
	}
}

// lose tells of a loss, and tries again if it is not final.
func (c *comeback) lose(ctx actor.Context, d *Disconnected) {
	c.last = nil
	if d.Final {
		c.abandon(ctx)
	}
	c.tell(d)
	if d.Final {
		c.told = true
		ctx.Stop(c.self)
		return
	}
	c.timer = time.AfterFunc(d.RetryIn, func() { c.system.Root.Send(c.self, &tryAgain{}) })
}

// stop ends the actor with its connection. Who tells the last is whoever is last.
func (c *comeback) stop(ctx actor.Context) {
	if c.last != nil {
		c.last.cancel()
	}
	if c.timer != nil {
		c.timer.Stop()
	}
	if !c.unwatched {
		ctx.Unwatch(c.upgrade.FrameHandler)
	}
	if c.told {
		c.dismiss()
		return
	}
	c.abandon(ctx)
	conn, live := c.line.stop()
	if conn != nil {
		ctx.Stop(conn)
	}
	if !live {
		var err error
		if !c.closing {
			err = ErrStopped
		}
		c.tell(&Disconnected{Err: err, Attempts: c.retries.attempts, Final: true})
		c.dismiss()
	}
}
