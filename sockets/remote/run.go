package remote

import (
	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/actors/dispatch"
	"github.com/spindrift-go/spindrift/frame"
)

// receiver is a local actor that messages are given to.
type receiver struct {
	pid     *actor.PID
	process actor.Process
	mailbox *dispatch.Mailbox // nil: it is not ours
}

func (r *receiver) give(message any) { r.process.SendUserMessage(r.pid, message) }

// run is messages in a row for one actor, which it gets under one lock.
type run struct {
	to    receiver
	items []any

	// Of a burst, frames that go where the one before them went.
	goesOn bool       // where is known, and was looked up in the books
	sender *actor.PID // in their envelopes; nil: they have none
	slab   []actor.MessageEnvelope
	made   int // envelopes in the last slab
}

// begin says that frames may follow, of the same sender to the same actor.
func (r *run) begin(sender *actor.PID) {
	r.goesOn, r.sender, r.slab, r.made = r.to.mailbox != nil, sender, nil, 0
}

const maxSlab = 32

// more adds a frame to a burst. Envelopes are made in slabs, each twice the last: nobody keeps one for long.
func (r *run) more(f *frame.Frame) {
	if r.sender == nil {
		r.items = append(r.items, f)
		return
	}
	if len(r.slab) == 0 {
		r.made = min(max(2*r.made, 1), maxSlab)
		r.slab = make([]actor.MessageEnvelope, r.made)
	}
	e := &r.slab[0]
	r.slab = r.slab[1:]
	e.Message, e.Sender = f, r.sender
	r.items = append(r.items, e)
}

func (r *run) add(to *receiver, message any) {
	if to.mailbox == nil {
		r.flush()
		to.give(message)
		return
	}
	if r.to.mailbox != to.mailbox {
		r.flush()
		r.to = *to
	}
	r.items = append(r.items, message)
}

func (r *run) flush() {
	if len(r.items) == 0 {
		return
	}
	if !r.to.mailbox.PostAll(r.items) {
		for _, m := range r.items { // to the dead letters
			r.to.give(m)
		}
	}
	clear(r.items)
	r.items, r.to = r.items[:0], receiver{}
	r.goesOn, r.sender, r.slab = false, nil, nil
}
