package sockets

import (
	"context"
	"errors"
	"io"

	"github.com/spindrift-go/spindrift/frame"
)

// Message is a message longer than Options.StreamOver, which a frame handler gets as soon as
// its beginning is there. Its peer sends no faster than it is read: what was not read of a
// connection's Messages is bounded by Options.CreditBytes.
//
// A handler that calls Reader, Collect or Keep before its Receive returns has taken the
// message, and has to read it to its end or Discard it. One that it did not take is
// discarded when Receive returns. To read waits for the peer, so it is usually done in a
// goroutine:
//
//	case *sockets.Message:
//		go save(m.Reader()) // Reader is called here, not in the goroutine
//
// Who reads in Receive waits for a stranger there, for Options.MessageTime at most. All
// methods may be called from any goroutine.
type Message struct {
	op    frame.Opcode
	inbox *inbox
	wake  chan struct{} // holds a token while somebody who waits should look

	// Under the lock of inbox.
	pieces  []*frame.Frame // not read yet, oldest first
	rest    []byte         // of the first of them; nil: all
	taken   bool           // somebody reads it, or will
	err     error          // after the last piece; nil: more may come
	waiting int            // readers that wait for more
}

// ErrDiscarded is a reader's whose [Message] was discarded: by Discard, or because nobody had
// taken it when the handler's Receive returned.
var ErrDiscarded = errors.New("sockets: message was discarded: call Reader, Collect or Keep before Receive returns")

// UnfinishedError is a reader's whose [Message] will not be completed. It is an
// io.ErrUnexpectedEOF, and Err.
type UnfinishedError struct {
	Err error // why: a *[CloseError] or the peer's mistake, a *frame.Error; nil: the peer has ended
}

func (e *UnfinishedError) Error() string {
	if e.Err == nil {
		return "sockets: message was not finished"
	}
	return "sockets: message was not finished: " + e.Err.Error()
}

// Unwrap returns what the error is.
func (e *UnfinishedError) Unwrap() []error {
	if e.Err == nil {
		return []error{io.ErrUnexpectedEOF}
	}
	return []error{io.ErrUnexpectedEOF, e.Err}
}

// errNoMessage is what methods of a Message that is nil or a zero value fail with.
var errNoMessage = errors.New("sockets: no message: a Message is what a frame handler gets from its connection")

// must returns m, which is a message.
func (m *Message) must() *Message {
	if m == nil || m.inbox == nil {
		panic(errNoMessage)
	}
	return m
}

// Op returns frame.OpText or frame.OpBinary.
func (m *Message) Op() frame.Opcode { return m.must().op }

// Keep takes the message for somebody who will read it, and returns it:
// ctx.Send(worker, m.Keep()).
func (m *Message) Keep() *Message {
	m.must().inbox.mu.Lock()
	defer m.inbox.mu.Unlock()
	m.taken = true
	return m
}

// Reader takes the message and returns a reader of its payload. Read waits for the peer; it
// returns io.EOF behind the last byte, an *[UnfinishedError] if the connection has ended
// before that, and [ErrDiscarded] after Discard. Text is UTF-8 as a whole; a Read may return
// a part of a character. All readers of a message share its bytes.
func (m *Message) Reader() io.Reader { return (*messageBody)(m.Keep()) }

// messageBody reads the payload of a Message.
type messageBody Message

func (b *messageBody) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	return (*Message)(b).read(context.Background(), p)
}

// Discard throws away what was not read and what is still to come. Who waits for it returns.
// To bound a Read, call it when the time is over: context.AfterFunc(ctx, m.Discard).
func (m *Message) Discard() {
	m.must().inbox.mu.Lock()
	defer m.inbox.unlock()
	m.discard()
}

// Collect waits for the whole message and returns it, but for what a Reader has read. A payload of more than limit bytes is a
// *frame.Error with TooBig, and then, as when ctx has ended, the rest is discarded. A limit
// of 0 leaves it to Options.MaxMessage.
func (m *Message) Collect(ctx context.Context, limit int64) (*frame.Frame, error) {
	switch {
	case m == nil || m.inbox == nil:
		return nil, errNoMessage
	case ctx == nil:
		return nil, ErrNilContext
	}
	m.Keep()
	var payload []byte
	for {
		if len(payload) == cap(payload) {
			payload = append(payload, make([]byte, max(4<<10, len(payload)))...)[:len(payload)]
		}
		n, err := m.read(ctx, payload[len(payload):cap(payload)])
		payload = payload[:len(payload)+n]
		if limit > 0 && int64(len(payload)) > limit {
			err = frame.Failure(frame.TooBig, "message over the limit")
		}
		if err == io.EOF {
			f := frame.Binary(payload)
			f.Opcode = m.op
			return f, nil
		}
		if err != nil {
			m.Discard()
			return nil, err
		}
	}
}

// read reads what is there, and waits for something if need be.
func (m *Message) read(ctx context.Context, p []byte) (n int, err error) {
	b := m.inbox
	b.mu.Lock()
	defer b.unlock()
	for len(m.pieces) == 0 && m.err == nil {
		m.waiting++
		b.mu.Unlock()
		select {
		case <-m.wake:
		case <-ctx.Done():
			err = ctx.Err()
		}
		b.mu.Lock()
		if m.waiting--; err != nil && len(m.pieces) == 0 && m.err == nil {
			return 0, err
		}
	}
	if len(m.pieces) == 0 {
		m.signal() // others who wait
		return 0, m.err
	}
	for n < len(p) && len(m.pieces) > 0 {
		f := m.pieces[0]
		if m.rest == nil {
			m.rest = f.Payload
		}
		k := copy(p[n:], m.rest)
		n += k
		if m.rest = m.rest[k:]; len(m.rest) == 0 {
			m.pieces[0], m.rest = nil, nil
			m.pieces = m.pieces[1:]
			f.Release()
		}
	}
	b.took(n)
	if len(m.pieces) > 0 {
		m.signal()
	}
	return n, nil
}

// The rest is called with the lock of the inbox.

// signal wakes one of those who wait.
func (m *Message) signal() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// discard drops what was not read; what comes later, the inbox does not keep.
func (m *Message) discard() {
	n := 0
	for i, f := range m.pieces {
		if n += len(f.Payload); i == 0 && m.rest != nil {
			n += len(m.rest) - len(f.Payload)
		}
		f.Release()
	}
	m.pieces, m.rest = nil, nil
	if m.err == nil || m.err == io.EOF {
		m.err = ErrDiscarded
	}
	m.inbox.took(n)
	m.signal()
}

// finish says that nothing more comes.
func (m *Message) finish(err error) {
	if m.err == nil {
		m.err = err
	}
	m.signal()
}
