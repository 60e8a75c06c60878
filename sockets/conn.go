package sockets

import (
	"context"
	"errors"
	"sync"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/actors"
	"github.com/spindrift-go/spindrift/frame"
)

// Conn is a WebSocket connection that ordinary code reads and writes: no actor in sight.
// [Accept] makes one of a request, [Dial] opens one, [Session] runs a function with one.
//
// All methods may be called from any goroutine. A context bounds a wait and nothing else:
// when it ends the connection is as usable as before. Send and its relatives wait for space
// when the peer is slow; a slow reader slows its peer down in turn, for what is received
// and not read is bounded by Options.CreditFrames and CreditBytes. Pings are answered
// whether or not anybody receives.
//
// When the connection has ended, every method returns a *[CloseError] that says how;
// messages that came before the end are received first.
type Conn struct {
	handle    *actors.Handle // set, like terms and handshake, before opened is closed
	terms     *recipe
	handshake *connHandshake
	own       *connContext  // context of its request, unless a stage has put another there: wait need not look for it
	opened    chan struct{} // closed when the connection is there, or will not be; nil later
	done      latch
	end       *Closed // set before done is closed

	wake chan struct{} // holds a token while somebody who waits for input should look

	mu        sync.Mutex
	queue     []received  // handed over and not received yet
	first     [1]received // memory of a queue of one: a message alone allocates none
	unread    int         // bytes in queue
	work      []int       // marks of what was received and is not known to be worked through, oldest first
	taken     int         // pieces that were received
	held      int         // marks behind Closed, while a session runs
	phase     connPhase   // see connstate.go, also for the next two
	intake    intake
	session   bool           // one runs
	keeping   bool           // who has received pieces says when they are worked through
	reading   bool           // a message is being received in pieces
	streamed  bool           // a NetConn receives what comes
	hasTold   bool           // a stage has handed in what it does not know, and the program was told
	suspended *messageReader // one that was, and goes on with the next call
	pings     *pings         // nil until the first
	writing   chan struct{}  // held by an open Writer; made at the first
}

// received is a message, or a piece of one, that waits to be received. The last one of all is nil.
type received struct {
	frame *frame.Frame
	marks int32 // how often the connection is told when it is received
	work  int32 // and when it has been worked through
}

// CloseError says how a connection has ended. Every call on a [Conn] that came too late
// returns one:
//
//	var end *sockets.CloseError
//	if errors.As(err, &end) && end.Code == frame.GoingAway { ... }
type CloseError struct{ Closed }

func (e *CloseError) Error() string { return "sockets: connection " + e.Closed.String() }

// Unwrap returns what broke the connection, if it was not asked to end.
func (e *CloseError) Unwrap() error { return e.Err }

// Misuse of a Conn, told to its caller.
var (
	// ErrReaderOpen: a message is being read, by an io.Reader or in another goroutine.
	ErrReaderOpen = errors.New("sockets: a message is being read: read it to its end first, or in one goroutine")
	// ErrNetConn: a NetConn reads what comes.
	ErrNetConn = errors.New("sockets: a NetConn was made of the connection: read that")
	// ErrNoConn: the Conn is nil, or a zero value: no connection. Methods without an error panic with it.
	ErrNoConn = errors.New("sockets: no connection: a Conn comes from Accept, Dial or Session, and is nil where those have failed")
	// ErrNilContext: the context is nil.
	ErrNilContext = errors.New("sockets: nil context")
	// ErrNilFrame: the frame is nil.
	ErrNilFrame = errors.New("sockets: nil frame")
)

func newConn() *Conn {
	return &Conn{opened: make(chan struct{}), wake: make(chan struct{}, 1)}
}

// check says what is wrong with a call that may wait until ctx ends.
func (c *Conn) check(ctx context.Context) error {
	switch {
	case c == nil || c.handle == nil:
		return ErrNoConn
	case ctx == nil:
		return ErrNilContext
	}
	return nil
}

// must returns c, which is a connection.
func (c *Conn) must() *Conn {
	if c == nil || c.handle == nil {
		panic(ErrNoConn)
	}
	return c
}

// Subprotocol returns what was agreed on, "" if nothing was.
func (c *Conn) Subprotocol() string { return c.must().handshake.subprotocol }

// Extensions lists what was agreed on, with parameters: those of Options.Extensions and
// permessage-deflate.
func (c *Conn) Extensions() []string { return c.must().handshake.extensions }

// Context returns a context that ends with the connection and has the values of the
// request's.
func (c *Conn) Context() context.Context { return c.must().handshake.request.Context() }

// PID returns the connection's actor, for those who send to it as such. Messages that are
// sent there do not wait for space.
func (c *Conn) PID() *actor.PID { return c.must().handle.PID() }

// Done is closed when the connection has ended. What was received before may still be read.
//
// A Close stands behind the messages before it. It is answered when they have been received and
// one more was asked for, which says that they were worked through, or else after
// Options.CloseTimeout. One that stands behind more than CreditFrames or CreditBytes which nobody
// receives is not read: then the connection ends when the peer has, CreditTimeout later. So who
// waits for Done, or for the end of Context, and does not receive calls Discard first.
func (c *Conn) Done() <-chan struct{} { return c.must().done.wait() }

// Closed returns how the connection has ended, nil while it has not.
func (c *Conn) Closed() *Closed {
	if c.must().done.closed() {
		return c.end
	}
	return nil
}

func (c *Conn) closeError() error { return &CloseError{*c.end} }

// waited is why a wait has ended with ctx: because the connection has, or else as ctx says.
func (c *Conn) waited(ctx context.Context) error {
	if c.Context().Err() == nil {
		return ctx.Err()
	}
	<-c.Done() // which follows
	return c.closeError()
}

// Close closes the connection with code and reason and waits until the closing handshake
// is over, or its time is: Options.CloseTimeout for each step. Messages that nobody has
// received are discarded. It returns nil if the handshake was completed, and how it has
// ended, a *[CloseError], if it was not. Only the first call closes; every other waits as well.
func (c *Conn) Close(code frame.Code, reason string) error {
	if err := c.check(context.Background()); err != nil {
		return err
	}
	if c.abandon() {
		c.handle.Post(frame.Close(code, reason))
	}
	<-c.Done()
	if c.end.Clean {
		return nil
	}
	return c.closeError()
}

// Cut ends the connection at once: a Close is tried, nobody waits for it.
func (c *Conn) Cut() {
	c.must().abandon()
	c.handle.Post(&Cut{})
	<-c.Done()
}

// abandon discards what was received and what will be. It says whether it is the first to do so.
func (c *Conn) abandon() (first bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	first = c.intake < abandoned
	c.intake = abandoned
	c.drop()
	return first
}

// hasUnread reports whether messages wait to be received.
func (c *Conn) hasUnread() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.queue) > 0 && c.queue[0].frame != nil
}

// Discard drops the messages that were received and all that will be: for a connection that
// only sends. Pings are answered as ever. A Receive waits for the end of the connection.
func (c *Conn) Discard() {
	c.must().mu.Lock()
	defer c.mu.Unlock()
	c.intake = max(c.intake, dropping)
	c.drop()
}

// drop drops what was received. The lock must be held.
func (c *Conn) drop() {
	for _, r := range c.queue {
		if r.frame != nil {
			r.frame.Release()
		}
		c.handle.WorkedThrough(int(r.marks + r.work))
	}
	c.queue, c.first, c.unread = nil, [1]received{}, 0
	if c.phase.over() && c.intake < abandoned { // the last piece is what tells of the end
		c.queue = append(c.queue, received{})
	}
	c.doneWith(len(c.work))
	c.signal()
}
