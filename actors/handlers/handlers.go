// Package handlers has the frame handlers of connections that are actors: those that were spawned for one connection, and those that
// many connections name as theirs. When a handler stops, panics, is restarted or moves, its connections are told, and no others.
//
// It knows a connection by its mailbox only, and nothing of what connections and handlers say to each other. It is not covered by
// promises of compatibility.
package handlers

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/actors/dispatch"
	"github.com/spindrift-go/spindrift/internal/lock"
)

// What a connection is told of its handler.
type (
	// Lost says that the handler has ended, or cannot be heard any more: ErrStopped, ErrPanicked, or what a network said.
	Lost struct{ Err error }

	// Restarted says that the handler was restarted, and has forgotten the connection. Where Err is set it was once too often, and the
	// connection is to end.
	Restarted struct{ Err error }

	// Survived says that the handler has panicked and lives on. It may never answer what it was sent at that time.
	Survived struct{}

	// Moved says that another handler takes the place of a lost one. What that had not worked through is lost as well.
	Moved struct{ To *actor.PID }
)

var (
	// ErrStopped is in Lost when the handler has stopped.
	ErrStopped = errors.New("frame handler stopped")
	// ErrPanicked is in Lost when the handler has panicked.
	ErrPanicked = errors.New("frame handler panicked")
	// ErrRestarted is an ErrPanicked for a connection that does not live on with a handler which was restarted.
	ErrRestarted error = &panicked{"it was restarted"}

	errKeepsRestarting = &panicked{"it was restarted again and again"}
)

// panicked is an ErrPanicked that says why.
type panicked struct{ reason any }

func (e *panicked) Error() string        { return fmt.Sprintf("%v: %v", ErrPanicked, e.reason) }
func (e *panicked) Is(target error) bool { return target == ErrPanicked }

// Handlers are those of one actor system.
type Handlers struct {
	system      *actor.ActorSystem
	dispatcher  *dispatch.Dispatcher
	guardian    *guardian
	adapted     atomic.Pointer[adapted]
	distributed bool

	mu       lock.Shared
	byPID    map[Key]*shared // those that connections name
	watching map[Key]bool    // handlers for which somebody has the guardian watch, or no longer; true: once more
}

// New returns the handlers of system, which are none yet. Those that it spawns run on d.
func New(system *actor.ActorSystem, d *dispatch.Dispatcher) *Handlers {
	h := &Handlers{system: system, dispatcher: d}
	h.guardian = newGuardian(h)
	return h
}

// SetDistributed says whether there are handlers on other nodes. It is called before there is any handler.
func (h *Handlers) SetDistributed(yes bool) { h.distributed = yes }

// Key names an actor, as a key of a map: on another node there may be one of the same id.
type Key struct{ node, id string } // node is "" here

// KeyOf returns the key of the actor pid.
func (h *Handlers) KeyOf(pid *actor.PID) Key {
	if !h.distributed || pid.Address == h.system.Address() {
		return Key{id: pid.Id}
	}
	return Key{pid.Address, pid.Id}
}

// Mailbox returns the mailbox of the actor pid if it runs on the dispatcher, else nil.
func (h *Handlers) Mailbox(pid *actor.PID) *dispatch.Mailbox {
	process, ok := h.system.ProcessRegistry.Get(pid)
	if !ok {
		return nil
	}
	return dispatch.Of(process)
}
