package sockets

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spindrift-go/spindrift/frame"
)

// Reconnecting is a client for code without actors that has a [Conn] again when it has lost
// one. All methods may be called from any goroutine; it has one of its own until it ends.
//
// It has those methods of Conn that mean the same by whatever connection they go. The others are
// those of one connection, which Conn returns: its request, answer and options; Flush, for what was
// sent may have gone by a connection that is lost; Reader, Writer and NetConn, whose message or
// stream cannot go on in another; and Reply, Serve and Pipe, whose answers are for the one who has
// asked. Reconnect.First is told of each connection.
type Reconnecting struct {
	address string
	options DialOptions
	policy  *Reconnect
	ctx     context.Context // until Close
	cancel  context.CancelFunc
	done    chan struct{}
	last    *Disconnected // set before done is closed

	calling atomic.Pointer[string] // the goroutine that is in a function of policy; nil: none

	mu       sync.Mutex
	changed  chan struct{} // closed when what is below changes
	current  *Conn         // nil: away
	received *Conn         // has nothing left to receive
	unread   []*Conn       // that were lost and have something, oldest first
	dropping bool          // messages are not received, see Discard
	close    *frame.Frame  // what Close asked for; nil: nothing
	cut      bool          // Cut was called
}

// maxUnread is how many lost connections may keep messages that were not received.
const maxUnread = 4

// DialReconnecting returns a client that opens a WebSocket as [Dial] does, and another whenever
// one is lost, until the loss is final. It returns at once: the first connection may be long
// in coming. o and r may be nil. The error says that the address is none.
//
// Of r it takes Backoff, Final, Lost, Header and First. Nothing is queued while there is no
// connection, and so nothing dropped: Send waits. Lost and First are called on the client's
// goroutine, which does nothing else meanwhile: there is no next connection before they return,
// and to wait for one in them is an error. They may call Close and Cut, which return at once then.
// A panic of theirs is logged and ends the client. The same holds of Address, Header and Final, but that Reconnect says
// what a panic of theirs is.
func DialReconnecting(address string, o *DialOptions, r *Reconnect) (*Reconnecting, error) {
	if _, err := parse(address); err != nil {
		return nil, &dialError{"dial", address, err}
	}
	c := &Reconnecting{address: address, done: make(chan struct{}), changed: make(chan struct{})}
	c.policy = c.marked(r.orDefault())
	if o != nil {
		c.options = *o
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	go c.run()
	return c, nil
}

// run opens one connection after the other.
func (c *Reconnecting) run() {
	defer close(c.done)
	defer c.cancel()
	defer func() { // also if Lost or First calls runtime.Goexit
		if c.last == nil || !c.last.Final {
			c.last = &Disconnected{Err: errGoexit, Final: true}
		}
	}()
	var state retries
	for returns := 0; ; {
		conn, err := c.dial()
		var closed *Closed
		var held time.Duration
		var failed error
		if err == nil {
			began := time.Now()
			failed = c.use(conn, returns)
			returns++
			closed, held = conn.Closed(), time.Since(began)
		}
		d := c.policy.loss(&state, closed, err, held)
		if failed != nil {
			d.Err = failed
		}
		if failed != nil || c.ctx.Err() != nil {
			d.Final, d.RetryIn = true, 0
		}
		if closed == nil && c.ctx.Err() != nil {
			d.Err = nil // the program has given up, and the attempt because of that
		}
		c.last = d
		if c.policy.Lost != nil {
			if err := c.call(func() { c.policy.Lost(d) }); err != nil {
				c.last = &Disconnected{Closed: closed, Err: err, Attempts: d.Attempts, Final: true}
			}
		}
		if c.last.Final {
			return
		}
		select {
		case <-time.After(d.RetryIn):
		case <-c.ctx.Done():
		}
	}
}

// dial makes an attempt.
func (c *Reconnecting) dial() (*Conn, error) {
	address, err := c.policy.target(c.ctx, c.address)
	if err != nil {
		return nil, err
	}
	o := c.options
	if o.Header, err = c.policy.header(c.ctx, o.Header); err != nil {
		return nil, &dialError{"dial", address, err}
	}
	return Dial(c.ctx, address, &o)
}

// use hands conn out until it ends. It fails if First does.
func (c *Reconnecting) use(conn *Conn, returns int) (failed error) {
	defer func() { // if First calls runtime.Goexit
		if conn.Closed() == nil {
			conn.Cut()
		}
	}()
	if c.policy.First != nil {
		u := conn.asUpgraded()
		u.Returns = returns
		failed = c.call(func() {
			for _, message := range c.policy.First(u) {
				conn.handle.Post(message)
			}
		})
	}
	if failed != nil {
		conn.Close(frame.InternalError, "")
		return failed
	}
	c.begin(conn)
	select {
	case <-conn.Done():
	case <-c.ctx.Done():
		c.end(conn)
	}
	c.lose(conn)
	return nil
}

// begin has conn be the present connection.
func (c *Reconnecting) begin(conn *Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current = conn; c.dropping {
		conn.Discard()
	}
	c.change()
}

// end ends conn as Close or Cut has asked for.
func (c *Reconnecting) end(conn *Conn) {
	c.mu.Lock()
	asked, cut := c.close, c.cut
	c.mu.Unlock()
	if cut {
		conn.Cut()
		return
	}
	code, reason := asked.CloseStatus()
	conn.Close(code, reason)
}

// lose has no connection be the present one any more. What was not received of conn is kept.
func (c *Reconnecting) lose(conn *Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current = nil; conn.hasUnread() && c.close == nil && !c.cut {
		c.unread = append(c.unread, conn)
	} else {
		conn.abandon() // nobody need receive its end
	}
	if len(c.unread) > maxUnread {
		c.unread[0].abandon()
		c.unread = slices.Delete(c.unread, 0, 1)
	}
	c.change()
}

// change wakes those who wait. The lock must be held.
func (c *Reconnecting) change() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// Close ends the client: it closes the connection with code and reason if there is one, and
// waits until that is over, and gives up if not. Messages that nobody has received are discarded.
// Only the first call's code counts.
func (c *Reconnecting) Close(code frame.Code, reason string) {
	c.must().mu.Lock()
	if c.close == nil && c.ctx.Err() == nil {
		c.close = frame.Close(code, reason)
	}
	c.forget()
	c.mu.Unlock()
	c.stop()
}

// Cut ends the client at once, and its connection as [Conn.Cut] does.
func (c *Reconnecting) Cut() {
	c.must().mu.Lock()
	c.cut = true
	c.forget()
	conn := c.current
	c.mu.Unlock()
	c.cancel()
	if conn != nil {
		conn.Cut()
	}
	c.stop()
}

// stop ends the client, and waits until it has unless it is what calls.
func (c *Reconnecting) stop() {
	c.cancel()
	if !c.called() {
		<-c.done
	}
}

// Done is closed when no other connection is tried for any more.
func (c *Reconnecting) Done() <-chan struct{} { return c.must().done }

// Closed returns how the client has ended, the final *[Disconnected], nil while it has not.
func (c *Reconnecting) Closed() *Disconnected {
	select {
	case <-c.must().done:
		return c.last
	default:
		return nil
	}
}
