package sockets

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/spindrift-go/spindrift/actors"
	"github.com/spindrift-go/spindrift/frame"
)

// Send sends a message, or a piece of one, and waits for space first: it returns when the
// connection has taken f, which is before f is on the wire (see Flush). It keeps f, which
// nobody may change any more; one frame may be sent to any number of connections. When the
// socket has failed it returns a *[CloseError] with frame.Abnormal, also where what the peer
// sent before has not been received, and the connection has not ended yet.
func (c *Conn) Send(ctx context.Context, f *frame.Frame) error {
	if f == nil {
		return ErrNilFrame
	}
	if err := c.reserve(ctx, len(f.Payload)); err != nil {
		return err
	}
	c.handle.Post(f)
	return nil
}

// SendText sends a text message. s must be UTF-8, or the peer fails the connection.
func (c *Conn) SendText(ctx context.Context, s string) error {
	if err := c.reserve(ctx, len(s)); err != nil {
		return err
	}
	c.handle.Post(frame.Text(s).Handover())
	return nil
}

// SendBinary sends a binary message. It copies p.
func (c *Conn) SendBinary(ctx context.Context, p []byte) error {
	if err := c.reserve(ctx, len(p)); err != nil {
		return err
	}
	f := frame.New(frame.OpBinary, len(p))
	f.Payload = append(f.Payload, p...)
	c.handle.Post(f.Handover())
	return nil
}

// SendJSON sends v as a text message, by encoding/json.
func (c *Conn) SendJSON(ctx context.Context, v any) error {
	p, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("sockets: send: %w", err)
	}
	f := frame.Binary(p)
	f.Opcode = frame.OpText
	return c.Send(ctx, f)
}

// reserve waits until there is space for size bytes of output.
func (c *Conn) reserve(ctx context.Context, size int) error {
	if ctx == nil {
		return ErrNilContext
	}
	if c.done.closed() {
		return c.closeError()
	}
	if c.handle.Reserve(size) {
		return nil
	}
	if err := c.broken(); err != nil {
		return err
	}
	if c.terms.WhenUnsent == Fail {
		c.handle.Post(ErrUnsent)
		return ErrUnsent
	}
	for {
		space := c.handle.Space()
		if c.handle.Reserve(size) {
			return nil
		}
		if err := c.broken(); err != nil {
			return err
		}
		select {
		case <-space:
		case <-ctx.Done():
			switch err := c.waited(ctx); {
			case err == nil: // a deadline of a NetConn that was moved meanwhile
			case err == ctx.Err() && c.writerOpen():
				return fmt.Errorf("sockets: a Writer is open: %w", err)
			default:
				return err
			}
		case <-c.Done():
			return c.closeError()
		}
	}
}

// broken is why nothing can be sent any more, though the connection has not ended yet: what the
// peer sent before may still be received. It is nil if something can.
func (c *Conn) broken() error {
	if err := c.handle.Failed(); err != nil {
		return &CloseError{Closed{Code: frame.Abnormal, Err: err}}
	}
	return nil
}

// writerOpen reports whether a Writer is.
func (c *Conn) writerOpen() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.writing) > 0
}

// Outgoing returns a channel whose messages are sent as by Send, for those who select. It
// is never closed by the connection: select with Done. Close it, or end ctx, when you are
// done; a goroutine empties it. A nil ctx is the connection's. A nil frame, which Send would
// refuse, ends the connection with 1011.
func (c *Conn) Outgoing(ctx context.Context) chan<- *frame.Frame {
	if ctx == nil {
		ctx = c.Context()
	}
	out := make(chan *frame.Frame)
	go func() {
		for {
			select {
			case f, open := <-out:
				if !open {
					return
				}
				err := c.Send(ctx, f)
				if err == ErrNilFrame {
					c.handle.Post(frame.Failure(frame.InternalError, "nil frame in Outgoing"))
				}
				if err != nil {
					return
				}
			case <-c.Done():
				return
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}

// Ping sends a Ping and waits for its Pong. It returns how long that took.
func (c *Conn) Ping(ctx context.Context) (time.Duration, error) {
	if ctx == nil {
		return 0, ErrNilContext
	}
	if err := c.broken(); err != nil && c.Closed() == nil {
		return 0, err
	}
	reply := make(chan time.Duration, 1)
	c.mu.Lock()
	if c.pings == nil {
		c.pings = &pings{waiting: map[uint64]pinging{}}
	}
	n := c.pings.add(reply)
	c.handle.Post(frame.Ping(binary.BigEndian.AppendUint64(nil, n))) // in the order of the numbers
	c.mu.Unlock()
	select {
	case took := <-reply:
		return took, nil
	case <-c.Done():
		return 0, c.closeError()
	case <-ctx.Done():
		c.mu.Lock()
		delete(c.pings.waiting, n)
		c.mu.Unlock()
		return 0, c.waited(ctx)
	}
}

// pings are those that await their Pong, by their number, which is their payload.
type pings struct {
	last    uint64
	waiting map[uint64]pinging
}

type pinging struct {
	since time.Time
	reply chan<- time.Duration
}

func (p *pings) add(reply chan<- time.Duration) (n uint64) {
	p.last++
	p.waiting[p.last] = pinging{time.Now(), reply}
	return p.last
}

// answered: there was a Pong, which may be the only one for all Pings before it, RFC 6455 5.5.3.
func (p *pings) answered(payload []byte, took time.Duration) {
	if len(payload) != 8 {
		return
	}
	n := binary.BigEndian.Uint64(payload)
	if n > p.last { // not one of these
		return
	}
	for k, earlier := range p.waiting {
		switch {
		case k == n:
			earlier.reply <- took
		case k < n:
			earlier.reply <- time.Since(earlier.since)
		default:
			continue
		}
		delete(p.waiting, k)
	}
}

// Flush waits until everything that was sent before has been written to the socket. After
// a clean end it returns nil.
func (c *Conn) Flush(ctx context.Context) error {
	if ctx == nil {
		return ErrNilContext
	}
	flushed := make(chan error, 1)
	c.handle.Flush(func(err error) { flushed <- err })
	select {
	case err := <-flushed:
		if err == nil {
			return nil
		}
		if err := c.broken(); err != nil && c.Closed() == nil {
			return err
		}
		<-c.Done()
	case <-c.Done():
	case <-ctx.Done():
		if c.Context().Err() == nil {
			return ctx.Err()
		}
		<-c.Done()
	}
	if c.end.Clean {
		return nil
	}
	return c.closeError()
}

// SetOptions changes limits and times of the connection while it lives.
func (c *Conn) SetOptions(change *SetOptions) {
	if change != nil {
		c.handle.Post(change)
	}
}

// Writer begins a message of type op, frame.OpText or frame.OpBinary, whose payload is
// what is written until Close, in fragments: of any length, a piece in memory at a time.
// Messages of others wait meanwhile. A second Writer waits until the first is closed, for
// as long as its ctx lasts; so one that is left open keeps all others waiting.
func (c *Conn) Writer(ctx context.Context, op frame.Opcode) (io.WriteCloser, error) {
	if ctx == nil {
		return nil, ErrNilContext
	}
	if err := messageType(op); err != nil {
		return nil, err
	}
	c.mu.Lock()
	if c.writing == nil {
		c.writing = make(chan struct{}, 1)
	}
	writing := c.writing
	c.mu.Unlock()
	if c.Closed() != nil {
		return nil, c.closeError()
	}
	select {
	case writing <- struct{}{}:
		return &messageWriter{to: c, ctx: ctx, op: op}, nil
	case <-c.Done():
		return nil, c.closeError()
	case <-ctx.Done():
		return nil, fmt.Errorf("sockets: another Writer is open: %w", ctx.Err())
	}
}

// offer makes Conn an offeree.
func (c *Conn) offer(ctx context.Context, o *actors.Offer) error {
	if c.handle.Post(o); c.Closed() != nil {
		o.Withdraw()
	}
	err := o.Wait(ctx)
	if err == net.ErrClosed {
		if err := c.broken(); err != nil && c.Closed() == nil {
			return err
		}
		<-c.Done()
		return c.closeError()
	}
	return err
}

// fail makes Conn an offeree.
func (c *Conn) fail(e *frame.Error) { c.handle.Post(e) }

// written makes Conn an offeree.
func (c *Conn) written() { <-c.writing }
