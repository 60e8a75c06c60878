package sockets

import (
	"errors"
	"io"
	"sync"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
)

// inbox is a stage of one connection that makes Messages of what comes up in pieces, for
// frame handlers. It lies on top of the core, so that it stays when the stages above change.
// It passes on a Message at its beginning and keeps its pieces for the reader; what waits for
// readers throttles the connection.
type inbox struct {
	up, down pipeline.Sink
	over     int64

	current *Message        // whose pieces come up; nil: none
	gone    bool            // there is no handler any more: what comes is dropped
	waker   *pipeline.Waker // nil until the first Message

	mu       sync.Mutex
	window   int  // bytes that may wait for their readers; 0: no limit
	unread   int  // bytes that do
	full     bool // the connection is throttled
	waking   bool // it was called to look at unread
	progress bool // something was read since the driver last asked
}

// inboxes is the stage of connections whose messages of more than over bytes are Messages.
func inboxes(over int64, window int) pipeline.Stage {
	return func(up, down pipeline.Sink) (onUp, onDown pipeline.Sink) {
		b := &inbox{up: up, down: down, over: over, window: window}
		return b.onUp, b.onDown
	}
}

// workedThrough tells an inbox that the handler has worked through the message up to a Message.
type workedThrough struct{ *Message }

func (b *inbox) onUp(item any) {
	switch m := item.(type) {
	case *frame.Frame:
		if !m.Opcode.Control() && (!m.Fin || b.current != nil || int64(len(m.Payload)) > b.over) {
			b.add(m)
			return
		}
	case *workedThrough:
		b.settle(m.Message)
		return
	case *inbox:
		if m == b {
			b.look()
			return
		}
	case *pipeline.AtWork:
		m.Yes = m.Yes || b.atWork()
	case *pipeline.Unfinished:
		if b.current != nil {
			b.end(&UnfinishedError{m.Err})
		}
	case *pipeline.Closed:
		if b.current != nil {
			b.end(&UnfinishedError{&CloseError{*m}})
		}
	}
	b.up(item)
}

func (b *inbox) onDown(item any) {
	if m, ok := item.(*pipeline.Limits); ok && m.Credit != 0 {
		b.mu.Lock()
		b.window = max(m.Credit, 0)
		b.mu.Unlock()
		b.look()
	}
	b.down(item)
}

// add keeps a piece of a message, which is passed on if it begins.
func (b *inbox) add(f *frame.Frame) {
	m := b.current
	if m == nil {
		m = &Message{op: f.Opcode, inbox: b, wake: make(chan struct{}, 1)}
		if b.waker == nil {
			b.waker = &pipeline.Waker{Event: b}
			b.down(b.waker)
		}
		b.current = m
		b.keep(m, f)
		b.up(m)
		b.down(&pipeline.Settle{Event: &workedThrough{m}})
	} else {
		b.keep(m, f)
	}
	b.look()
}

// keep keeps a piece for its reader.
func (b *inbox) keep(m *Message, f *frame.Frame) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if m.err != nil || b.gone { // discarded
		f.Release()
	} else if len(f.Payload) > 0 {
		m.pieces = append(m.pieces, f)
		b.unread += len(f.Payload)
		m.signal()
	}
	if f.Fin {
		b.current = nil
		m.finish(io.EOF)
	}
}

// end: the rest of the message will not come.
func (b *inbox) end(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.current.finish(err)
	b.current = nil
}

// settle: the handler has worked through m, or has had its time.
func (b *inbox) settle(m *Message) {
	b.mu.Lock()
	if !m.taken {
		m.discard()
	}
	b.mu.Unlock()
	b.look()
}

// took is called with the lock, when n bytes were read or thrown away.
func (b *inbox) took(n int) {
	b.unread -= n
	b.progress = b.progress || n > 0
}

// unlock ends what a reader does, and has the connection read again if it may.
func (b *inbox) unlock() {
	wake := b.full && !b.waking && b.unread <= b.window/2
	b.waking = b.waking || wake
	b.mu.Unlock()
	if wake {
		b.waker.Wake()
	}
}

// look throttles the connection, or no longer.
func (b *inbox) look() {
	b.mu.Lock()
	b.waking = false
	was := b.full
	switch {
	case b.window <= 0 || b.unread <= b.window/2:
		b.full = false
	case b.unread > b.window:
		b.full = true
	}
	full := b.full
	b.mu.Unlock()
	if full || was {
		m := &pipeline.Throttle{On: full}
		if b.down(m); m.Gone {
			b.drop()
		}
	}
}

// drop discards the message that comes and all that will: nobody is told of them.
func (b *inbox) drop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.gone, b.full = true, false
	if m := b.current; m != nil {
		m.finish(&UnfinishedError{errHandlerGone})
	}
}

var errHandlerGone = errors.New("the frame handler is gone")

// atWork reports whether somebody reads: has read something since this was last asked, or
// waits for the peer.
func (b *inbox) atWork() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	was := b.progress
	b.progress = false
	return was || b.current != nil && b.current.waiting > 0
}
