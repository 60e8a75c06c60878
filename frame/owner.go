package frame

import "sync/atomic"

// Who owns a frame
//
// Up. A connection gives the frame handler a frame of the handler's own: payload and
// all. The handler keeps it, drops it, or says that it is done with it: Release.
//
// Down. Who sends a frame still owns it, and may send it to others; the connections
// only read it. Handover gives it away: to the one connection that it is sent to next.
//
// In a pipeline. Pipeline.Down takes a frame (Take) and with it the duty to give it up
// (Sent), once, wherever its way ends: Codec does when it has been encoded, Outbox and
// Closing when they drop it, Deflate when it passes on another in its place, a stage of
// the program's when it keeps a frame from going on. A stage passes a frame on or gives
// it up, never both. Frames that a stage makes itself it may pass on untaken.
//
// Borrowed. Between Codec and Assemble (or Stream) pieces go up whose payload lies in
// the read buffer, in an object that is used again; and Deflate sends such a one down.
// They are valid until the call returns. Nobody releases them.
//
// Memory. A payload of 4 KiB and more lies in memory that is used again when the sender
// has given the frame up, by Release or Handover, and every pipeline that took it has as
// well. A Frame itself is never used again. So a pointer to one that has been given back
// shows an empty payload, and never what belongs to somebody else; a second Release, or
// one after Handover, does nothing; sending such a frame ends the sender's connection
// with 1011. What is left to get wrong is a Payload that was kept in a variable of one's
// own beyond the Release.
//
// The build tag spindriftdebug makes each of these mistakes panic where it is made, also
// for the smaller frames that have no memory to give back, and overwrites payloads when
// they are released.

// owner says who has a frame: flags, and above them the number of pipelines.
type owner struct{ atomic.Uint32 }

const (
	released uint32 = 1 << iota // the program has given it back
	handed                      // the program has given it away
	claimed                     // a pipeline has taken what was given away
	freed                       // nobody has it
	shared                      // the program sends it to many
	holder                      // one pipeline
)

// Release says that the receiver of f is done with it: the memory of its payload may
// be used for other frames. It is never needed, and saves the garbage collector work.
// f may not be sent, and its payload not be looked at, afterwards.
func (f *Frame) Release() {
	if Debug {
		f.checkRelease()
	} else if f.lease == nil {
		return
	}
	for {
		was := f.owner.Load()
		if was&(released|handed) != 0 {
			return
		}
		if f.become(was, was|released) {
			return
		}
	}
}

// Handover is for a receiver that sends a frame on to one connection and is
// then done with it: ctx.Respond(f.Handover()) lets that connection release f
// when it has written it. It returns f.
func (f *Frame) Handover() *Frame {
	if Debug {
		f.checkHandover()
	}
	f.owner.Or(handed)
	return f
}

// HandedOver is for authors of stages: it reports whether f is for one connection only.
func (f *Frame) HandedOver() bool { return f.owner.Load()&handed != 0 }

// Share is for who sends a frame to many connections, before it is sent to the first: it is
// compressed once for all of them, which a Room does by itself. It returns f.
func (f *Frame) Share() *Frame {
	f.owner.Or(shared)
	return f
}

// Shared is for authors of stages: it reports whether f is for many connections.
func (f *Frame) Shared() bool { return f.owner.Load()&(shared|handed) == shared }

// Take is for who drives a pipeline, when the program has sent f down it: it makes sure
// that the payload stays until Sent. False says that f was released before, or handed
// over to another connection; its payload must not be looked at then.
func (f *Frame) Take() bool {
	if Debug {
		f.checkTake()
	} else if f.lease == nil {
		return true
	}
	for {
		was := f.owner.Load()
		if was&(released|claimed|freed) != 0 {
			return false
		}
		is := was + holder
		if was&handed != 0 {
			is |= claimed
		}
		if f.owner.CompareAndSwap(was, is) {
			return true
		}
	}
}

// Sent is for authors of stages: it says that the way of f through this pipeline ends
// here. One that was handed over, or released meanwhile, is given back then.
func (f *Frame) Sent() {
	if Debug {
		f.checkSent()
	} else if f.lease == nil {
		return
	}
	for {
		was := f.owner.Load()
		is := was
		if is >= holder {
			is -= holder
		}
		if is == was && was&handed == 0 || was&freed != 0 { // of a stage's own
			return
		}
		if f.become(was, is) {
			return
		}
	}
}

// become changes the owner, and frees f if it has none any more. It is false if
// another goroutine was faster.
func (f *Frame) become(was, is uint32) bool {
	if is < holder && is&(released|handed) != 0 {
		is |= freed
	}
	if !f.owner.CompareAndSwap(was, is) {
		return false
	}
	if is&freed != 0 {
		f.free()
	}
	return true
}

// free is called once, by the last owner.
func (f *Frame) free() {
	if Debug {
		f.poison()
		return
	}
	f.Payload = nil
	f.lease.giveBack()
}

// Lost is for who drives a pipeline of a debug build: f was handed over and taken, and
// not given up so far.
func (f *Frame) Lost() bool {
	o := f.owner.Load()
	return o&claimed != 0 && o&freed == 0
}
