package pipeline

import (
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline/internal/inflate"
)

// What follows a message's compressed bytes: the end of an empty stored block
// that its sender took off (RFC 7692 7.2.2), and a final block, which ends the stream.
const (
	flushTail   = "\x00\x00\xff\xff"
	inflateTail = flushTail + "\x01\x00\x00\xff\xff"
)

// ratioFrom is how many inflated bytes there must be before MaxRatio is judged: up to
// there the message limit bounds them.
const ratioFrom = 1 << 20

var (
	overRatio  = frame.Failure(frame.TooBig, "message inflates over the ratio limit")
	notDeflate = frame.Failure(frame.InvalidPayload, "message does not inflate")

	inflaters pool[*inflate.Decoder]
)

// inflating is the way up of one connection. Between two messages it holds the
// window, if the peer takes it over, and nothing else.
type inflating struct {
	*link          // of the stage
	ratio  int     // 0: no limit
	window *window // of a peer that takes it over from message to message; nil: it does not

	compressed bool             // inside a compressed message
	head       frame.Header     // of the next piece up
	piece      *frame.Frame     // goes up, again and again
	z          *inflate.Decoder // of the message that is under way; nil: none
	busy       bool             // z has output on its way up
	failed     bool             // inflate and pass up nothing more
}

// data takes a piece of a message.
func (i *inflating) data(f *frame.Frame) {
	if i.failed {
		return
	}
	if f.Opcode != frame.OpContinuation {
		i.free() // what a stage that panicked may have left behind
		i.compressed = f.RSV&frame.RSV1 != 0
		i.head = frame.Header{Opcode: f.Opcode, RSV: f.RSV &^ frame.RSV1}
	}
	if !i.compressed {
		i.up(f)
		return
	}
	if i.z == nil && (f.Fin || len(f.Payload) > 0) {
		i.z = i.borrow()
	}
	i.busy = true
	defer func() { // also if a stage panics
		if i.busy = false; i.failed {
			i.free()
		}
	}()
	if f.Fin {
		i.last(f.Payload)
	} else {
		i.more(f.Payload)
	}
}

// more inflates a piece that is not the last one. The first goes up even if it is empty:
// the message has begun, its time runs.
func (i *inflating) more(p []byte) {
	if len(p) > 0 && !i.feed(p) {
		return
	}
	if i.z != nil && len(i.z.Output()) > 0 || i.head.Opcode != frame.OpContinuation {
		i.emit(false)
	}
	if i.z != nil && !i.failed {
		i.z.Park()
	}
}

// memory is what is held between two pieces, or two messages.
func (i *inflating) memory() (n int) {
	if i.z != nil {
		n = i.z.Size()
	}
	if i.window != nil {
		n += cap(i.window.bytes)
	}
	return n
}

// last inflates the last piece. A message may end with a final block, without the empty
// one behind it; and may have no bytes at all.
func (i *inflating) last(p []byte) {
	if !i.feed(p) || !i.z.Between() && !i.feed([]byte(inflateTail)) {
		return
	}
	if !i.z.Between() {
		i.fail(notDeflate)
		return
	}
	if i.isOverRatio() {
		i.fail(overRatio)
		return
	}
	if i.window != nil {
		i.window.set(i.z.Latest(i.window.size))
	}
	i.emit(true)
	i.free()
}

// feed inflates p, and passes up what becomes too much to keep. It reports false if the
// connection has failed meanwhile. Usually a message is one DEFLATE stream, which goes on
// to the final block of the tail; but any block may be a final one (RFC 7692 7.2.3.4),
// and the next one may still refer to what was before.
func (i *inflating) feed(p []byte) bool {
	for {
		n, state, err := i.z.Next(p)
		p = p[n:]
		switch {
		case err != nil:
			i.fail(notDeflate)
			return false
		case state == inflate.Dry:
			return true
		case state == inflate.Ended:
		case i.isOverRatio():
			i.fail(overRatio)
			return false
		default:
			if i.emit(false); i.failed {
				return false
			}
		}
	}
}

// isOverRatio reports whether the message inflates over the ratio. It is judged after the same bytes however the
// message was cut.
func (i *inflating) isOverRatio() bool {
	made := i.z.Made()
	return i.ratio > 0 && made > ratioFrom && made/int64(i.ratio) > i.z.Used()
}

// emit passes up a piece whose payload is borrowed until the call returns.
func (i *inflating) emit(fin bool) {
	i.piece.Header, i.piece.Payload = i.head, nil
	i.piece.Fin = fin
	i.head = frame.Header{Opcode: frame.OpContinuation}
	if i.z != nil {
		i.piece.Payload = i.z.Output()
		i.z.Discard()
	}
	i.up(i.piece)
	i.piece.Payload = nil // an idle connection must not keep a decoder's memory
}

func (i *inflating) fail(e *frame.Error) {
	i.end()
	i.down(e)
}

// end gives back everything: the connection has failed or is gone.
func (i *inflating) end() {
	i.failed = true
	if !i.busy { // else data will return soon
		i.free()
	}
}

func (i *inflating) borrow() *inflate.Decoder {
	z, ok := inflaters.get()
	if !ok {
		z = new(inflate.Decoder)
	}
	if i.window != nil {
		z.Reset(i.window.bytes)
	} else {
		z.Reset(nil)
	}
	return z
}

func (i *inflating) free() {
	if i.z != nil {
		inflaters.put(i.z)
		i.z = nil
	}
	if i.failed {
		i.window = nil
	}
}
