package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"

	"github.com/spindrift-go/spindrift/actors"
	"github.com/spindrift-go/spindrift/actors/handlers"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/spindrift-go/spindrift/sockets/remote/wire"
)

// ErrLinkLost is in the Closed of a connection whose gateway cannot be heard any more, and in
// that of a gateway's whose handler cannot.
var ErrLinkLost = errors.New("link between the nodes was lost")

// lostError is an ErrLinkLost that says which and why.
type lostError struct {
	node string
	why  error
}

func (e *lostError) Error() string {
	return fmt.Sprintf("remote: link to %s was lost: %v", e.node, e.why)
}
func (e *lostError) Is(target error) bool { return target == ErrLinkLost }
func (e *lostError) Unwrap() error        { return e.why }

// AwayError says that a node cannot be reached now. An upgrade is refused with 503 for it.
type AwayError struct {
	Node string
	Err  error // why
}

func (e *AwayError) Error() string {
	return fmt.Sprintf("node %s cannot be reached: %v", e.Node, e.Err)
}

// Unwrap returns why.
func (e *AwayError) Unwrap() error { return e.Err }

// Temporary reports that it may be reached later.
func (e *AwayError) Temporary() bool { return true }

// Error is what has crossed of an error: its text, and what errors.Is and errors.As find of
// package frame, pipeline and the standard library's errors of connections.
type Error struct {
	text  string
	is    uint64
	close *frame.Error
}

func (e *Error) Error() string { return e.text }

// Is reports whether the error was target on the node that it came from.
func (e *Error) Is(target error) bool {
	for i, known := range knownErrors {
		if known == target {
			return e.is&(1<<i) != 0
		}
	}
	return false
}

// Unwrap returns the *frame.Error in it, or nil.
func (e *Error) Unwrap() error {
	if e.close == nil {
		return nil
	}
	return e.close
}

// knownErrors cross by their place here: it is part of the protocol.
var knownErrors = [...]error{
	ErrLinkLost, pipeline.ErrCloseTimeout, pipeline.ErrSlowConsumer, pipeline.ErrCut, actors.ErrStopped,
	actors.ErrNoCredit, handlers.ErrStopped, handlers.ErrPanicked, net.ErrClosed, io.EOF, io.ErrUnexpectedEOF,
	os.ErrDeadlineExceeded, context.Canceled, context.DeadlineExceeded, syscall.ECONNRESET, syscall.EPIPE, syscall.ETIMEDOUT,
	pipeline.ErrMessageTimeout, actors.ErrUnreceived,
}

func errorOut(err error) *wire.Error {
	if err == nil {
		return nil
	}
	w := &wire.Error{Text: []byte(err.Error())}
	for i, known := range knownErrors {
		if errors.Is(err, known) {
			w.Is |= 1 << i
		}
	}
	var c *frame.Error
	if errors.As(err, &c) {
		w.Close = &wire.Close{Code: uint32(c.Code), Reason: []byte(c.Reason)}
	}
	return w
}

func errorIn(w *wire.Error) error {
	if w == nil {
		return nil
	}
	e := &Error{text: string(w.Text), is: w.Is}
	if c := w.Close; c != nil {
		e.close = frame.Failure(frame.Code(c.Code), string(c.Reason))
		if e.text == e.close.Error() && e.is == 0 {
			return e.close
		}
	}
	for i, known := range knownErrors {
		if e.is == 1<<i && e.close == nil && e.text == known.Error() {
			return known
		}
	}
	return e
}
