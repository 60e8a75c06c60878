package actors

import (
	"fmt"
	"net/http"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/actors/answering"
)

// A question is its own mailbox: what it is sent is dealt with where it is sent from.

// PostUserMessage makes question an actor.Mailbox.
func (q *question) PostUserMessage(message any) {
	_, m, sender := actor.UnwrapEnvelope(message)
	switch m := m.(type) {
	case *http.Response:
		if m == nil {
			q.wrong(message)
		} else if !q.answer(m) {
			answering.Discard(m)
		}
	case *actor.DeadLetterResponse:
		q.answer(answering.Plain(http.StatusServiceUnavailable, noListener))
	case *actor.PoisonPill:
		q.shutDown(message)
	case *listenerPanicked:
		q.panicked(m)
	case *actor.Touch:
		if !q.passOn(message) && sender != nil {
			q.rt.root.Send(sender, &actor.Touched{Who: q.pid})
		}
	case *actor.Touched:
		if q.isTouched() {
			q.answer(answering.Plain(http.StatusInternalServerError, listenerFailed))
		}
	default:
		if q.Upgrade != nil {
			if u := q.Upgrade(m); u != nil && q.become(u) {
				return
			}
		}
		q.wrong(message)
	}
}

// wrong refuses what is no answer to a request. Only the listener knows whom to answer,
// so it is the listener's mistake.
func (q *question) wrong(message any) {
	if q.passOn(message) {
		return
	}
	_, m, _ := actor.UnwrapEnvelope(message)
	if q.answer(answering.Plain(http.StatusInternalServerError, "invalid answer")) {
		q.origin().say("listener's answer is neither an *http.Response nor an *UpgradeServer", "type", fmt.Sprintf("%T", m))
		return
	}
	q.rt.system.DeadLetter.SendUserMessage(q.pid, message)
}

func (q *question) shutDown(message any) {
	if !q.answer(answering.Plain(http.StatusServiceUnavailable, "shutting down")) {
		q.passOn(message)
	}
}

// PostSystemMessage makes question an actor.Mailbox.
func (q *question) PostSystemMessage(message any) {
	if _, ok := message.(*actor.Stop); ok && q.answer(answering.Plain(http.StatusServiceUnavailable, "shutting down")) {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	switch m := message.(type) {
	case *actor.Watch:
		if q.over && q.successor == nil {
			q.terminated(m.Watcher)
			return
		}
		q.watchers = append(q.watchers, m.Watcher)
	case *actor.Unwatch:
		for i, w := range q.watchers {
			if w.Equal(m.Watcher) {
				q.watchers = append(q.watchers[:i:i], q.watchers[i+1:]...)
				break
			}
		}
	}
	if q.successor != nil {
		q.successor.mailbox.PostSystemMessage(message)
	}
}

// RegisterHandlers makes question an actor.Mailbox.
func (q *question) RegisterHandlers(actor.MessageInvoker, actor.Dispatcher) {}

// Start makes question an actor.Mailbox.
func (q *question) Start() {}

// UserMessageCount makes question an actor.Mailbox.
func (q *question) UserMessageCount() int { return 0 }
