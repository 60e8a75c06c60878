package pipeline

import (
	"errors"
	"fmt"

	"github.com/spindrift-go/spindrift/frame"
)

// Side is one end of a connection.
type Side byte

// Who began the end of a connection.
const (
	Nobody Side = iota // the network, or a peer that vanished without a Close
	Peer               // the peer's Close came first
	Local              // this side: the handler, a stage, a limit, a shutdown
)

func (s Side) String() string {
	return [...]string{"nobody", "peer", "local"}[s]
}

// Closed is the last item up a pipeline, exactly once: how the connection ended.
type Closed struct {
	Code   frame.Code // of the Close that came or went first; frame.NoStatus if it had none, frame.Abnormal if there was no Close
	Reason string     // of the same Close
	Clean  bool       // a Close came in, and one was written to the socket
	By     Side       // whose Close came first
	Err    error      // why, if it was not asked for: a *frame.Error, ErrCloseTimeout, or what the network said
}

// String tells it in a line: closed by peer with 1000 "bye".
func (c Closed) String() string {
	text := fmt.Sprintf("closed by %s with %d", c.By, c.Code)
	switch c.By {
	case Local:
		text = fmt.Sprintf("closed by this side with %d", c.Code)
	case Nobody:
		text = "lost"
	}
	if c.Reason != "" {
		text += fmt.Sprintf(" %q", c.Reason)
	}
	why := c.Err
	if e, ok := why.(*frame.Error); ok && e.Code == c.Code && e.Reason == c.Reason { // which are told already
		why = e.Err
	}
	if why != nil {
		text += ": " + why.Error()
	}
	return text
}

// Failure is nil if the connection has ended as one should, with a Close of 1000, 1001 or
// without a code, or of 1012 by this side (a restart, MaxAge), and nothing that went wrong. It
// is Err if there is one, and for any other code, also one that the peer has chosen, an error
// that tells code and reason in a line.
func (c Closed) Failure() error {
	switch {
	case c.Err != nil:
		return c.Err
	case c.Code == frame.Abnormal:
		return errors.New("connection ended without a Close")
	case c.Code == frame.Normal, c.Code == frame.GoingAway, c.Code == frame.NoStatus:
		return nil
	case c.Code == frame.ServiceRestart && c.By == Local:
		return nil
	}
	return fmt.Errorf("connection was closed with %v %q", c.Code, c.Reason)
}

// Crashed is the Closed of a connection whose pipeline could not make its own.
func Crashed(err error) *Closed {
	return &Closed{Code: frame.Abnormal, By: Local, Err: err}
}
