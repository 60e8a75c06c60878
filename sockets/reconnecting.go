package sockets

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/spindrift-go/spindrift/frame"
)

// Reconnecting is a client for code without actors that has a [Conn] again when it has lost
// one. All methods may be called from any goroutine; it has one of its own until it ends.
type Reconnecting struct {
	address string
	options DialOptions
	policy  *Reconnect
	ctx     context.Context // until Close
	cancel  context.CancelFunc
	done    chan struct{}
	last    *Disconnected // set before done is closed

	mu      sync.Mutex
	changed chan struct{} // closed when what is below changes
	current *Conn         // nil: away
	reading *Conn         // may have messages that were not received; nil: there is none
	close   *frame.Frame  // what Close asked for
}

// DialReconnecting returns a client that opens a WebSocket as [Dial] does, and another whenever
// one is lost, until the loss is final. It returns at once: the first connection may be long
// in coming. o and r may be nil. The error says that the address is none.
//
// Of r it takes Backoff, Final, Lost and First. Nothing is queued while there is no
// connection, and so nothing dropped: Send waits. Lost and First are called on the client's
// goroutine: neither may call Close, and a panic of theirs is not recovered.
func DialReconnecting(address string, o *DialOptions, r *Reconnect) (*Reconnecting, error) {
	if _, err := parse(address); err != nil {
		return nil, &dialError{"dial", address, err}
	}
	c := &Reconnecting{address: address, policy: r.orDefault(), done: make(chan struct{}), changed: make(chan struct{})}
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
	var state retries
	for returns := 0; ; {
		conn, err := Dial(c.ctx, c.address, &c.options)
		var closed *Closed
		var held time.Duration
		if err == nil {
			began := time.Now()
			c.use(conn, returns)
			returns++
			closed, held = conn.Closed(), time.Since(began)
		}
		d := c.policy.loss(&state, closed, err, held)
		if c.ctx.Err() != nil {
			d.Final, d.RetryIn = true, 0
		}
		if c.policy.Lost != nil {
			c.policy.Lost(d)
		}
		if c.last = d; d.Final {
			return
		}
		select {
		case <-time.After(d.RetryIn):
		case <-c.ctx.Done():
		}
	}
}

// use hands conn out until it ends.
func (c *Reconnecting) use(conn *Conn, returns int) {
	u := *conn.upgraded
	u.Returns = returns
	conn.upgraded = &u
	if c.policy.First != nil {
		for _, message := range c.policy.First(&u) {
			conn.handle.Post(message)
		}
	}
	c.set(conn)
	select {
	case <-conn.Done():
	case <-c.ctx.Done():
		code, reason := c.close.CloseStatus()
		conn.Close(code, reason)
	}
	c.set(nil)
}

func (c *Reconnecting) set(conn *Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current = conn; c.reading == nil {
		c.reading = conn
	}
	close(c.changed)
	c.changed = make(chan struct{})
}

// wait returns what get does, as soon as that is a Conn.
func (c *Reconnecting) wait(ctx context.Context, get func() *Conn) (*Conn, error) {
	if ctx == nil {
		return nil, ErrNilContext
	}
	for over := false; ; {
		c.mu.Lock()
		conn, changed := get(), c.changed
		c.mu.Unlock()
		switch {
		case conn != nil:
			return conn, nil
		case over:
			return nil, c.last
		}
		select {
		case <-changed:
		case <-c.done:
			over = true
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Conn returns the present connection, and waits for one while there is none. The error is
// ctx's, or the final *[Disconnected]. The Conn that it returns does not come back.
func (c *Reconnecting) Conn(ctx context.Context) (*Conn, error) {
	return c.wait(ctx, func() *Conn {
		if c.current != nil && c.current.Closed() == nil {
			return c.current
		}
		return nil
	})
}

// Receive waits for the next message of whatever connection there is. What a connection has
// received before it was lost comes first. The error is ctx's, a misuse, or the final
// *[Disconnected].
func (c *Reconnecting) Receive(ctx context.Context) (*frame.Frame, error) {
	for {
		conn, err := c.wait(ctx, func() *Conn { return c.reading })
		if err != nil {
			return nil, err
		}
		f, err := conn.Receive(ctx)
		if !lost(err) {
			return f, err
		}
		c.read(conn)
	}
}

// read notes that conn has nothing left to receive.
func (c *Reconnecting) read(conn *Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reading == conn {
		c.reading = nil
		if c.current != conn {
			c.reading = c.current
		}
	}
}

// Send sends a message by the connection that there is, and waits for one while there is
// none. Nothing says that it has arrived: what a connection had taken when it was lost may be
// lost too. The error is ctx's, or the final *[Disconnected].
func (c *Reconnecting) Send(ctx context.Context, f *frame.Frame) error {
	for {
		conn, err := c.Conn(ctx)
		if err != nil {
			return err
		}
		if err := conn.Send(ctx, f); !lost(err) {
			return err
		}
	}
}

// lost reports whether err is the end of a connection.
func lost(err error) bool {
	var end *CloseError
	return errors.As(err, &end)
}

// Close ends the client: it closes the connection with code and reason if there is one, and
// waits until that is over, and gives up if not. Only the first call's code counts.
func (c *Reconnecting) Close(code frame.Code, reason string) {
	c.mu.Lock()
	if c.close == nil && c.ctx.Err() == nil {
		c.close = frame.Close(code, reason)
	}
	c.mu.Unlock()
	c.cancel()
	<-c.done
}

// Done is closed when no other connection is tried for any more.
func (c *Reconnecting) Done() <-chan struct{} { return c.done }
