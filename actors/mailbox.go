package actors

import (
	"sync"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/pipeline"
)

// slice is how many messages a turn handles before the mailbox goes to the back of the crew's queue.
const slice = 300

// passenger is an actor that takes signals and wants to know when its mailbox has run dry. All are called inside its turn. The mailbox
// asks for it once, so a passenger must be stopped, not restarted, when it fails.
type passenger interface {
	item(item any)         // a message that is pipeline.Bare: it does without proto.actor's context
	signalled(bits uint32) // what has been signalled since the last call
	settle()               // no message or signal is waiting, or the turn ends here so that others get theirs
}

// Mailbox is an unbounded mailbox whose turns run on a crew. It keeps proto.actor's rules: system messages first, and a suspended
// actor gets nothing else. While it is empty it is this struct and nothing more.
type Mailbox struct {
	crew      *Crew
	invoker   actor.MessageInvoker
	passenger passenger // nil for other actors
	user      inbox
	system    queue
	signals   atomic.Uint32
	hurry     atomic.Bool // the watch asks for the end of the slice

	kept     bool  // whoever starts it runs its first turn, by runFirst
	patience uint8 // under the crew's lock: quick turns owed before the crew forgives it for having blocked

	mu        sync.Mutex // the producers' lock of both queues; what follows changes under it
	started   bool       // nothing runs before: Started comes first
	scheduled bool       // a turn runs or waits for a worker
	suspended bool       // changed by its own turn only
}

var _ actor.Mailbox = (*Mailbox)(nil)

// PostUserMessage queues a message. The items of a batch come before the batch itself, as in proto.actor's own mailboxes.
func (m *Mailbox) PostUserMessage(message any) {
	if batch := batchIn(message); batch != nil {
		for _, item := range batch.GetMessages() {
			m.PostUserMessage(item)
		}
	}
	m.mu.Lock()
	m.user.push(message)
	m.posted()
}

// batchIn is the batch that message is or brings, or nil. Asking whether a type has a method takes longer than all the rest of
// posting, so frames, which are most, are told apart first.
func batchIn(message any) actor.MessageBatch {
	if env, ok := message.(*actor.MessageEnvelope); ok {
		message = env.Message
	}
	if pipeline.Bare(message) {
		return nil
	}
	batch, _ := message.(actor.MessageBatch)
	return batch
}

// PostSystemMessage queues a message that overtakes all user messages.
func (m *Mailbox) PostSystemMessage(message any) {
	m.mu.Lock()
	m.system.push(message)
	m.posted()
}

// RegisterHandlers tells the mailbox whose messages it holds. The dispatcher is not used: turns run on the crew.
func (m *Mailbox) RegisterHandlers(invoker actor.MessageInvoker, _ actor.Dispatcher) {
	m.invoker = invoker
	if ctx, ok := invoker.(actor.Context); ok {
		if p, ok := ctx.Actor().(passenger); ok {
			m.passenger = p
		}
	}
}

// Start lets the first turn run.
func (m *Mailbox) Start() {
	m.mu.Lock()
	m.started = true
	ready := m.schedule()
	m.mu.Unlock()
	if ready && !m.kept {
		m.crew.admit(m)
	}
}

// runFirst is the first turn of a mailbox that was kept from the crew: Started, then f, then what else has come.
func (m *Mailbox) runFirst(f func()) {
	more := true
	defer func() {
		if more { // also when f has called runtime.Goexit
			m.crew.admit(m)
		}
	}()
	started, _ := m.system.pop()
	m.obey(started)
	f()
	more = m.run(slice)
}

// abandon gives f the messages that nobody will handle any more, in the last turn of their actor.
func (m *Mailbox) abandon(f func(message any)) {
	for {
		message, ok := m.user.pop()
		if !ok {
			return
		}
		f(message)
	}
}

// UserMessageCount is the number of user messages that wait. Inside a turn, 0 means that none follows the present one yet.
func (m *Mailbox) UserMessageCount() int { return int(m.user.count.Load()) }

// Signal adds bits to those that the actor is told about before its next user message. Signals coalesce and allocate nothing; they
// wait while the actor is suspended and may come after it has stopped. An actor that is not a passenger gets none.
func (m *Mailbox) Signal(bits uint32) {
	if m.mark(bits) {
		m.crew.admit(m)
	}
}

// mark is Signal without the scheduling: the caller admits the mailbox if it says true.
func (m *Mailbox) mark(bits uint32) (ready bool) {
	if m.signals.Or(bits) != 0 {
		return false // whoever set the first bit schedules
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.schedule()
}

// posted unlocks the mailbox after a message was put into it.
func (m *Mailbox) posted() {
	ready := m.schedule()
	m.mu.Unlock()
	if ready {
		m.crew.admit(m)
	}
}

// schedule claims the next turn if there is need of one; its caller must then admit the mailbox. The lock must be held.
func (m *Mailbox) schedule() bool {
	if m.scheduled || !m.started || !m.pending() {
		return false
	}
	m.scheduled = true
	return true
}

func (m *Mailbox) pending() bool {
	return m.system.count.Load() > 0 || !m.suspended && (m.user.count.Load() > 0 || m.signals.Load() != 0)
}

// rest ends the turns for now, unless something has come in. Once it has said true another worker may be running the mailbox.
func (m *Mailbox) rest() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.pending() {
		return false
	}
	m.user.release()
	m.system.release()
	m.scheduled = false
	return true
}

// run is a turn: at most limit messages. It says whether the mailbox needs another.
func (m *Mailbox) run(limit int) (more bool) {
	var message any
	defer func() {
		if reason := recover(); reason != nil {
			m.invoker.EscalateFailure(reason, message)
			more = true // it is suspended by a message to itself
		}
	}()
	if m.hurry.Load() {
		m.hurry.Store(false)
	}
	for n := 0; n < limit && !m.hurry.Load(); n++ {
		var ok bool
		if message, ok = m.system.pop(); ok {
			m.obey(message)
			continue
		}
		if !m.suspended {
			if m.signals.Load() != 0 {
				m.signalled(m.signals.Swap(0))
			}
			if message, ok = m.user.pop(); ok {
				m.deliver(message)
				continue
			}
			m.settle()
		}
		if m.rest() {
			return false
		}
	}
	if !m.suspended {
		m.settle()
	}
	return !m.rest()
}

func (m *Mailbox) deliver(message any) {
	if m.passenger != nil && pipeline.Bare(message) {
		m.passenger.item(message)
		return
	}
	m.invoker.InvokeUserMessage(message)
}

func (m *Mailbox) obey(message any) {
	switch message.(type) {
	case *actor.SuspendMailbox:
		m.suspend(true)
	case *actor.ResumeMailbox:
		m.suspend(false)
	default:
		m.invoker.InvokeSystemMessage(message)
		if m.suspended && m.over() { // what waits goes where all goes that is sent to an actor which has ended
			m.suspend(false)
		}
	}
}

// over reports whether the actor has ended.
func (m *Mailbox) over() bool {
	ctx, ok := m.invoker.(actor.Context)
	if !ok {
		return false
	}
	_, alive := ctx.ActorSystem().ProcessRegistry.GetLocal(ctx.Self().Id)
	return !alive
}

func (m *Mailbox) suspend(yes bool) {
	m.mu.Lock()
	m.suspended = yes
	m.mu.Unlock()
}

func (m *Mailbox) signalled(bits uint32) {
	if m.passenger != nil {
		defer m.rescue()
		m.passenger.signalled(bits)
	}
}

func (m *Mailbox) settle() {
	if m.passenger != nil {
		defer m.rescue()
		m.passenger.settle()
	}
}

// rescue keeps a panic of the passenger's hooks within its actor.
func (m *Mailbox) rescue() {
	reason := recover()
	if reason == nil {
		return
	}
	if p, ok := m.passenger.(interface{ crashed(reason any) }); ok {
		p.crashed(reason)
		return
	}
	m.invoker.EscalateFailure(reason, nil)
}
