package dispatch

import (
	"reflect"
	"sync"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"
)

// Hooks are implemented by an actor that takes signals, or wants to know when its mailbox has run dry. All are called inside the
// actor's turn. The mailbox looks for them once, so an actor that has them must be stopped, not restarted, when it fails.
type Hooks interface {
	// Item is offered every user message. It returns true if it has handled the message, which then takes no round through
	// proto.actor's context, and false to have the message delivered to Receive.
	Item(message any) (handled bool)
	// Signalled brings the bits that have been signalled since its last call.
	Signalled(bits uint32)
	// BurstEnded says that no message or signal is waiting, or that the turn ends here so that others get theirs.
	BurstEnded()
	// Exited says that something in the turn has called runtime.Goexit. It is called on that goroutine, at its end.
	Exited()
}

// Mailbox is an unbounded mailbox whose turns run on a dispatcher. It keeps proto.actor's rules: system messages first, and a suspended
// actor gets nothing else. While it is empty it is this struct and nothing more.
type Mailbox struct {
	dispatcher *Dispatcher
	invoker    actor.MessageInvoker
	hooks      Hooks // nil for other actors
	user       inbox // its spare: the signals
	system     queue // its spare: the penalty
	home       atomic.Pointer[lane]

	mu        sync.Mutex // the producers' lock of both queues; what follows changes under it
	started   bool       // nothing runs before: Started comes first
	scheduled bool       // a turn runs or waits for a worker
	suspended bool       // changed by its own turn only
	ended     bool       // the actor has: what is posted goes nowhere

	reserved bool  // the owner runs the first turn, with RunFirst
	stopping bool  // the actor was told to stop; its own turn's
	claims   uint8 // counts turns; belongs to whoever has claimed the next
}

var _ actor.Mailbox = (*Mailbox)(nil)

// Init makes a zero Mailbox, which may be part of another struct, one of d's.
func (m *Mailbox) Init(d *Dispatcher) { m.dispatcher = d }

// Reserve keeps the first turn of a mailbox from the dispatcher: its owner runs it, with RunFirst. It is called before the start.
func (m *Mailbox) Reserve() { m.reserved = true }

func (m *Mailbox) penalty() penalty        { return penalty{&m.system.spare} }
func (m *Mailbox) signals() *atomic.Uint32 { return &m.user.spare }

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

// PostAll queues messages of one sender, in order, under one lock. It is for who has this Mailbox in place of a PID, and no batches in
// proto.actor's sense. It returns false, and has taken nothing, once the actor has ended: a PID leads to the dead letters then.
func (m *Mailbox) PostAll(messages []any) (taken bool) {
	m.mu.Lock()
	if m.ended {
		m.mu.Unlock()
		return false
	}
	for _, message := range messages {
		m.user.push(message)
	}
	m.posted()
	return true
}

// Add is PostUserMessage without the scheduling, for a message that is no batch: if it returns true, the caller must give the mailbox to
// EnqueueAll. Once the actor has ended it does nothing.
func (m *Mailbox) Add(message any) (ready bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ended {
		return false
	}
	m.user.push(message)
	return m.schedule()
}

// Owner returns the actor whose messages the mailbox holds, if that has Hooks, else nil.
func (m *Mailbox) Owner() Hooks {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.hooks
}

// Of returns the Mailbox of the local actor whose process p is, or nil if it has one of another kind. proto.actor has no way to ask, and
// the answer saves a lookup and a lock for each message: see PostAll.
func Of(p actor.Process) *Mailbox {
	if p, ok := p.(*actor.ActorProcess); ok {
		field := reflect.ValueOf(p).Elem().FieldByName("mailbox")
		if field.Kind() == reflect.Interface && field.Elem().Type() == reflect.TypeFor[*Mailbox]() {
			return (*Mailbox)(field.Elem().UnsafePointer())
		}
	}
	return nil
}

// batchIn returns the batch that message is, or that it wraps, or nil.
func batchIn(message any) actor.MessageBatch {
	if env, ok := message.(*actor.MessageEnvelope); ok {
		message = env.Message
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

// RegisterHandlers tells the mailbox whose messages it holds. The dispatcher is not used: turns run on the dispatcher.
func (m *Mailbox) RegisterHandlers(invoker actor.MessageInvoker, _ actor.Dispatcher) {
	m.invoker = invoker
	if ctx, ok := invoker.(actor.Context); ok {
		if p, ok := ctx.Actor().(Hooks); ok {
			m.mu.Lock() // for Owner
			m.hooks = p
			m.mu.Unlock()
		}
	}
}

// Start lets the first turn run.
func (m *Mailbox) Start() {
	m.mu.Lock()
	m.started = true
	ready := m.schedule()
	m.mu.Unlock()
	if ready && !m.reserved {
		m.dispatcher.enqueue(m)
	}
}

// UserMessageCount is the number of user messages that wait. Inside a turn, 0 means that none follows the present one yet.
func (m *Mailbox) UserMessageCount() int { return int(m.user.count.Load()) }

// Signal adds bits to those that the actor is told about before its next user message. Signals coalesce and allocate nothing; they
// wait while the actor is suspended and may come after it has stopped. An actor without Hooks gets none.
func (m *Mailbox) Signal(bits uint32) {
	if m.Mark(bits) {
		m.dispatcher.enqueue(m)
	}
}

// Mark is Signal without the scheduling: if it returns true, the caller must give the mailbox to EnqueueAll.
func (m *Mailbox) Mark(bits uint32) (ready bool) {
	if m.signals().Or(bits) != 0 {
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
		m.dispatcher.enqueue(m)
	}
}

// schedule claims the next turn if there is need of one; its caller must then enqueue the mailbox. The lock must be held.
func (m *Mailbox) schedule() bool {
	if m.scheduled || !m.started || !m.pending() {
		return false
	}
	m.scheduled = true
	return true
}

func (m *Mailbox) pending() bool {
	return m.system.count.Load() > 0 || !m.suspended && (m.user.count.Load() > 0 || m.signals().Load() != 0)
}
