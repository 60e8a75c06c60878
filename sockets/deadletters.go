package sockets

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/asynkron/protoactor-go/eventstream"
	"github.com/spindrift-go/spindrift/frame"
)

// deadLetters does for a system what its own subscribers to dead letters do, without a
// goroutine: proto.actor starts one at a dead letter, which sleeps until it counts anew how
// many it has logged. A test in virtual time could not end while it sleeps.
type deadLetters struct {
	system *actor.ActorSystem

	nobody atomic.Bool // it was said that a frame was for nobody

	mu      sync.Mutex
	since   time.Time // of the period whose dead letters are counted
	counted int32
}

// takeDeadLetters gives a system that nobody knows yet an event stream whose subscribers are
// those that it had, but for this one.
func takeDeadLetters(system *actor.ActorSystem) {
	system.EventStream = eventstream.NewEventStream()
	system.EventStream.Subscribe((&deadLetters{system: system}).published)
	actor.SubscribeSupervision(system)
}

func (d *deadLetters) published(event any) {
	letter, ok := event.(*actor.DeadLetterEvent)
	if !ok {
		return
	}
	if watch, ok := letter.Message.(*actor.Watch); ok { // of who has stopped already
		if watcher, ok := d.system.ProcessRegistry.Get(watch.Watcher); ok {
			watcher.SendSystemMessage(watch.Watcher, &actor.Terminated{Who: letter.PID, Why: actor.TerminatedReason_NotFound})
		}
	}
	if _, ok := letter.Message.(*frame.Frame); ok && letter.PID == nil {
		if !d.nobody.Swap(true) {
			slog.Error("spindrift: a frame was sent to nobody, and is lost: Respond was called without a sender. A ctx that is used after Receive has returned, in a goroutine say, has none")
		}
	}
	if letter.Sender != nil {
		d.system.Root.Send(letter.Sender, &actor.DeadLetterResponse{})
	}
	if letter.Sender != nil && !d.system.Config.DeadLetterRequestLogging {
		return
	}
	if _, quiet := letter.Message.(actor.IgnoreDeadLetterLogging); quiet {
		return
	}
	d.log(letter, time.Now())
}

// log logs the first few dead letters of a period, one less than the throttle count of the
// system's configuration as proto.actor does, and how many more there were with the first of
// another.
func (d *deadLetters) log(letter *actor.DeadLetterEvent, now time.Time) {
	d.mu.Lock()
	most := max(d.system.Config.DeadLetterThrottleCount-1, 0)
	more := int32(0)
	if now.Sub(d.since) >= d.system.Config.DeadLetterThrottleInterval {
		more = max(d.counted-most, 0)
		d.since, d.counted = now, 0
	}
	d.counted++
	few := d.counted <= most
	d.mu.Unlock()
	if more > 0 {
		d.system.Logger().Info("[DeadLetter]", slog.Int64("throttled", int64(more)))
	}
	if few {
		d.system.Logger().Info("[DeadLetter]", slog.Any("pid", letter.PID), slog.Any("message", letter.Message), slog.Any("sender", letter.Sender))
	}
}
