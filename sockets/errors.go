package sockets

import (
	"github.com/spindrift-go/spindrift/actors"
	"github.com/spindrift-go/spindrift/actors/handlers"
	"github.com/spindrift-go/spindrift/pipeline"
)

// What Closed.Err can be told apart by, with errors.Is. Beside these it is a *frame.Error,
// for a violation of the protocol or a limit, or what the network said.
var (
	// ErrCloseTimeout: the peer did not answer our Close in Options.CloseTimeout.
	ErrCloseTimeout = pipeline.ErrCloseTimeout
	// ErrSlowConsumer: the peer did not take what this side sent, see Options.MaxOut.
	ErrSlowConsumer = pipeline.ErrSlowConsumer
	// ErrCut: this side has sent the connection a Cut.
	ErrCut = pipeline.ErrCut
	// ErrNoCredit: the frame handler worked through nothing in Options.CreditTimeout.
	ErrNoCredit = actors.ErrNoCredit
	// ErrUnreceived: the peer has ended, or its answer to our Close is, behind more than CreditFrames or CreditBytes that a Conn did not receive, and nothing was received in Options.CreditTimeout.
	ErrUnreceived = actors.ErrUnreceived
	// ErrHandlerStopped: the frame handler has stopped.
	ErrHandlerStopped = handlers.ErrStopped
	// ErrHandlerPanicked: the frame handler has panicked, and was spawned for the connection, or restarted too often.
	ErrHandlerPanicked = handlers.ErrPanicked
	// ErrStopped: the connection's actor was stopped.
	ErrStopped = actors.ErrStopped
)
