package sockets

import (
	"context"
	"errors"
	"iter"

	"github.com/spindrift-go/spindrift/frame"
)

// Misuse of a Reconnecting, told to its caller.
var (
	errNoClient   = errors.New("sockets: no client: a Reconnecting comes from DialReconnecting, and is nil where that has failed")
	errInCallback = errors.New("sockets: Lost, First, Address, Header and Final cannot wait for a connection, which comes when they have returned")
	errPiece      = errors.New("sockets: a client that comes back sends whole messages: the next piece may go by another connection")
)

// must returns c, which is a client.
func (c *Reconnecting) must() *Reconnecting {
	if c == nil || c.ctx == nil {
		panic(errNoClient)
	}
	return c
}

// wait returns what get does, as soon as that is a Conn. It is called with the lock.
func (c *Reconnecting) wait(ctx context.Context, get func() *Conn) (*Conn, error) {
	switch {
	case c == nil || c.ctx == nil:
		return nil, errNoClient
	case ctx == nil:
		return nil, ErrNilContext
	}
	for {
		final := c.Closed() // before the last look
		c.mu.Lock()
		conn, changed := get(), c.changed
		c.mu.Unlock()
		switch {
		case conn != nil:
			return conn, nil
		case final != nil:
			return nil, final
		case c.called():
			return nil, errInCallback
		}
		select {
		case <-changed:
		case <-c.done:
		case <-ctx.Done():
			if c.Closed() == nil {
				return nil, ctx.Err()
			}
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

// Receive waits for the next message of whatever connection there is. What connections have
// received before they were lost comes first, that of the latest four. The error is ctx's, a
// misuse, or the final *[Disconnected].
func (c *Reconnecting) Receive(ctx context.Context) (*frame.Frame, error) {
	return c.receive(ctx, (*Conn).Receive)
}

// ReceiveText is Receive for a client that speaks text, see [Conn.ReceiveText].
func (c *Reconnecting) ReceiveText(ctx context.Context) (string, error) {
	return textOf(c.receive(ctx, ofType(frame.OpText)))
}

// ReceiveBinary is Receive for a client that speaks binary, see [Conn.ReceiveBinary].
func (c *Reconnecting) ReceiveBinary(ctx context.Context) ([]byte, error) {
	return bytesOf(c.receive(ctx, ofType(frame.OpBinary)))
}

// ReceiveJSON receives a message, text or binary, and unmarshals it into v. What does not
// unmarshal is an error that wraps encoding/json's, and costs nothing but that message.
func (c *Reconnecting) ReceiveJSON(ctx context.Context, v any) error {
	f, err := c.Receive(ctx)
	if err != nil {
		return err
	}
	return fromJSON(f, v)
}

// Messages iterates over what is received, of one connection after the other, until the client or
// ctx ends. An end that was asked for, by Close, by Cut or with the peer's Close of code 1000, ends
// the loop; any other is its last pair, with a nil frame and the error.
func (c *Reconnecting) Messages(ctx context.Context) iter.Seq2[*frame.Frame, error] {
	return func(yield func(*frame.Frame, error) bool) {
		for {
			f, err := c.Receive(ctx)
			if d := (*Disconnected)(nil); errors.As(err, &d) && (d.Err == nil || c.asked()) || !yield(f, err) || err != nil {
				return
			}
		}
	}
}

// asked reports whether the program has ended the client.
func (c *Reconnecting) asked() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.close != nil || c.cut
}

func ofType(op frame.Opcode) func(*Conn, context.Context) (*frame.Frame, error) {
	return func(c *Conn, ctx context.Context) (*frame.Frame, error) { return c.receive(ctx, op) }
}

// receive receives as next does, from one connection after the other.
func (c *Reconnecting) receive(ctx context.Context, next func(*Conn, context.Context) (*frame.Frame, error)) (*frame.Frame, error) {
	for {
		conn, err := c.wait(ctx, c.next)
		if err != nil {
			return nil, err
		}
		f, err := next(conn, ctx)
		if !lost(err) {
			return f, err
		}
		c.over(conn)
	}
}

// next is whose message is received next; nil: there is no such connection. The lock must be held.
func (c *Reconnecting) next() *Conn {
	if len(c.unread) > 0 {
		return c.unread[0]
	}
	if c.current == c.received {
		return nil
	}
	return c.current
}

// over notes that conn has nothing left to receive.
func (c *Reconnecting) over(conn *Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.unread) > 0 && c.unread[0] == conn {
		c.unread = c.unread[1:]
	}
	if c.current == conn {
		c.received = conn
	}
}

// Discard drops the messages that were received and all that will be, of every connection: for a
// client that only sends. Without it a server's messages wait to be received, and behind them its
// Close, see [Conn.Done].
func (c *Reconnecting) Discard() {
	c.must().mu.Lock()
	defer c.mu.Unlock()
	c.dropping = true
	c.forget()
	if c.current != nil {
		c.current.Discard()
	}
}

// forget drops what was not received of connections that were lost. The lock must be held.
func (c *Reconnecting) forget() {
	for _, conn := range c.unread {
		conn.abandon()
	}
	c.unread = nil
}

// lost reports whether err is the end of a connection.
func lost(err error) bool {
	var end *CloseError
	return errors.As(err, &end)
}
