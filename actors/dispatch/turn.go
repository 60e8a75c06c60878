package dispatch

import (
	"errors"

	"github.com/asynkron/protoactor-go/actor"
)

// turnBudget is how many messages a turn handles before the mailbox goes to the back of the dispatcher's queue.
const turnBudget = 300

// errExited is the failure of an actor that does not return from its last message.
var errExited = errors.New("runtime.Goexit was called")

// RunFirst is the first turn of a mailbox that was reserved: Started, then f, then what else has come.
func (m *Mailbox) RunFirst(f func()) {
	more, over := true, false
	defer func() {
		if more { // also when f has called runtime.Goexit
			m.dispatcher.enqueue(m)
		}
	}()
	defer func() {
		if !over {
			m.exited()
		}
	}()
	started, _ := m.system.pop()
	m.handleSystem(started)
	f()
	over = true
	more = m.run(turnBudget)
}

// run is a turn: at most limit messages. It says whether the mailbox needs another.
func (m *Mailbox) run(limit int) (more bool) {
	var message any
	over := false
	defer func() {
		if reason := recover(); reason != nil {
			if message != nil { // or it was in the hooks
				m.panicked(message, reason)
			}
			if !m.stopAnyway(message) {
				m.invoker.EscalateFailure(reason, message)
			}
			more = true // it is suspended by a message to itself
		} else if !over {
			m.exited()
			if !m.stopAnyway(message) && m.actorEnded() { // it was told Stopped, and then others would have been
				m.invoker.EscalateFailure(errExited, message)
			}
		}
	}()
	penalty := m.penalty()
	penalty.beginTurn()
	for n := 0; n < limit && !penalty.mustYield(); n++ {
		var ok bool
		if message, ok = m.system.pop(); ok {
			m.handleSystem(message)
			continue
		}
		if !m.suspended {
			if m.signals().Load() != 0 {
				m.signalled(m.signals().Swap(0))
			}
			if message, ok = m.user.pop(); ok {
				m.deliver(message)
				continue
			}
			m.burstEnded()
		}
		if m.goIdle() {
			over = true
			return false
		}
	}
	if !m.suspended {
		message = nil // a panic of the hooks is not its
		m.burstEnded()
	}
	over = true
	return !m.goIdle()
}

func (m *Mailbox) deliver(message any) {
	if m.hooks != nil && m.hooks.Item(message) || m.ended { // proto.actor tells who did not return from Stopped of what came after it
		return
	}
	m.invoker.InvokeUserMessage(message)
}

func (m *Mailbox) handleSystem(message any) {
	switch message.(type) {
	case *actor.SuspendMailbox:
		m.suspend(true)
	case *actor.ResumeMailbox:
		m.suspend(false)
	default:
		switch message.(type) {
		case *actor.Terminated:
			if m.ended { // likewise
				return
			}
		case *actor.Stop:
			m.stopping = true
		case *actor.Restart:
			if m.stopping { // it was to end before its supervisor heard of a failure
				return
			}
		}
		m.invoker.InvokeSystemMessage(message)
		switch message.(type) {
		case *actor.Stop, *actor.Terminated: // of it, and of its last child
			m.noteEnd()
		}
		if m.suspended && m.actorEnded() { // what waits goes where all goes that is sent to an actor which has ended
			m.suspend(false)
		}
	}
}

// actorEnded reports whether the actor has ended.
func (m *Mailbox) actorEnded() bool {
	ctx, ok := m.invoker.(actor.Context)
	if !ok {
		return false
	}
	_, alive := ctx.ActorSystem().ProcessRegistry.GetLocal(ctx.Self().Id)
	return !alive
}

// noteEnd has PostAll and Add take nothing any more if the actor has ended.
func (m *Mailbox) noteEnd() {
	if m.actorEnded() {
		m.mu.Lock()
		m.ended = true
		m.mu.Unlock()
	}
}

func (m *Mailbox) suspend(yes bool) {
	m.mu.Lock()
	m.suspended = yes
	m.mu.Unlock()
}

func (m *Mailbox) signalled(bits uint32) {
	if m.hooks != nil {
		m.hooks.Signalled(bits)
	}
}

func (m *Mailbox) burstEnded() {
	if m.hooks != nil {
		m.hooks.BurstEnded()
	}
}

// exited tells the hooks that the turn has called runtime.Goexit.
func (m *Mailbox) exited() {
	if m.hooks != nil {
		m.hooks.Exited()
	}
}

// goIdle ends the turns for now, unless something has come in. Once it has returned true, another worker may be running the mailbox.
func (m *Mailbox) goIdle() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.pending() {
		return false
	}
	m.user.free()
	m.system.free()
	m.scheduled = false
	return true
}

// Yield ends the present turn early, so that others get theirs. It is called inside the turn.
func (m *Mailbox) Yield() { m.penalty().requestYield() }

// Ahead is called inside a turn that posts something large: what that wakes goes ahead of what waits, an actor or a goroutine, and
// whom it answers. It finds the bytes in the core's cache, and their memory serves the next (make bench ROWS=echo1m).
func (m *Mailbox) Ahead() {
	if l := m.home.Load(); l != nil {
		l.goAhead()
	}
}

// Abandon gives f the messages that nobody will handle any more. It must be called in the last turn of their actor.
func (m *Mailbox) Abandon(f func(message any)) {
	for {
		message, ok := m.user.pop()
		if !ok {
			return
		}
		f(message)
	}
}

// stopAnyway goes on with the end of an actor whose code did not return when it was told of that, or of a child's: proto.actor would leave
// it half stopped, or restart it. A message that is none of its own has the actor look whether it can end; one that does not return
// from that either is no more.
func (m *Mailbox) stopAnyway(message any) bool {
	ctx, ok := m.invoker.(actor.Context)
	if !ok || !m.stopping {
		return false
	}
	if m.noteEnd(); m.ended { // it was told Stopped
		return false
	}
	switch message := message.(type) {
	case *actor.Stop:
		for _, child := range ctx.Children() {
			ctx.Stop(child)
		}
	case *actor.Terminated:
		if len(ctx.Children()) > 0 { // theirs follow
			return true
		}
		if message.Who.Equal(ctx.Self()) {
			ctx.ActorSystem().ProcessRegistry.Remove(ctx.Self())
			m.noteEnd()
			return false
		}
	default: // its children's ends follow, and its supervisor cannot start it anew
		return false
	}
	m.PostSystemMessage(&actor.Terminated{Who: ctx.Self()})
	return true
}

// panicked tells OnPanic.
func (m *Mailbox) panicked(message, reason any) {
	if ctx, ok := m.invoker.(actor.Context); ok && m.dispatcher.OnPanic != nil {
		m.dispatcher.OnPanic(ctx.Self(), message, reason)
	}
}
