package pipeline

import (
	"bufio"
	"errors"
	"io"
	"iter"
	"reflect"

	"github.com/klauspost/compress/flate"

	"github.com/spindrift-go/spindrift/frame"
)

// What follows a message's compressed bytes: the end of an empty stored block
// that its sender took off (RFC 7692 7.2.2), and a final block, after which the
// reader says io.EOF.
const (
	flushTail   = "\x00\x00\xff\xff"
	inflateTail = flushTail + "\x01\x00\x00\xff\xff"
)

const (
	outSize      = 8 << 10 // inflated bytes that go up together
	inSize       = 4 << 10 // bytes that the reader takes at a time
	ratioSilence = 1 << 20 // MaxRatio is not judged before that many inflated bytes: the message limit bounds them
)

var (
	errRatio   = errors.New("inflates too far")
	errStopped = errors.New("no more wanted")

	tooFar     = frame.Failure(frame.TooBig, "message inflates over the ratio limit")
	notDeflate = frame.Failure(frame.InvalidPayload, "message does not inflate")

	inflaters pool[*inflater]
)

// inflating is the way up of one connection. Between two messages it holds the
// window, if the peer takes it over, and nothing else.
type inflating struct {
	up, down Sink
	ratio    int     // 0: no limit
	takeover bool    // the peer keeps its window between messages
	window   *window // of that peer

	compressed bool                  // inside a compressed message
	head       frame.Header          // of the next piece up
	piece      *frame.Frame          // goes up, again and again
	z          *inflater             // of the message that is under way; nil: none
	next       func() (dry, ok bool) // resumes z, for a message in pieces
	stop       func()
	full       func(dry bool) bool // pause of an inflater that runs directly
	busy       bool                // z is running
	failed     bool                // inflate and pass up nothing more
}

// data takes a piece of a message.
func (i *inflating) data(f *frame.Frame) {
	if i.failed {
		return
	}
	if f.Opcode != frame.OpContinuation {
		i.release() // what a stage that panicked may have left behind
		i.compressed = f.RSV&frame.RSV1 != 0
		i.head = frame.Header{Opcode: f.Opcode, RSV: f.RSV &^ frame.RSV1}
	}
	if !i.compressed {
		i.up(f)
		return
	}
	if i.z == nil {
		if !f.Fin && len(f.Payload) == 0 {
			i.dry()
			return
		}
		i.z = i.borrow()
	}
	done, err := i.inflate(f)
	switch {
	case i.failed:
		i.release()
	case err != nil:
		i.fail(err)
	case done:
		i.release()
	}
}

// inflate passes up what the piece makes: directly if it is the whole message,
// else through a coroutine that waits in mid-block for the next piece. The pieces
// may come from different goroutines, none of them locked to its thread. done
// says that the message has ended, and err how.
func (i *inflating) inflate(f *frame.Frame) (done bool, err error) {
	i.busy = true
	defer func() { i.busy = false }()
	i.z.piece, i.z.fin = f.Payload, f.Fin
	if i.next == nil && f.Fin {
		i.z.pause = i.full
		if err = i.z.run(); err == nil {
			i.emit(true)
		}
		return true, err
	}
	if i.next == nil {
		i.next, i.stop = iter.Pull(i.z.pauses)
	}
	for !i.failed {
		dry, more := i.next()
		switch {
		case !more && i.z.err != nil:
			return true, i.z.err
		case !more:
			i.emit(true)
			return true, nil
		case !dry:
			i.emit(false)
		default:
			i.dry()
			return false, nil
		}
	}
	return false, nil
}

// dry passes up what there is when the compressed bytes are used up. The first
// piece goes up even if it is empty: the message has begun, its time runs.
func (i *inflating) dry() {
	if i.z != nil && len(i.z.out) > 0 || i.head.Opcode != frame.OpContinuation {
		i.emit(false)
	}
}

// passFull passes up what fills the inflater's buffer. Then the inflater may go
// on, unless a stage above had enough.
func (i *inflating) passFull(bool) bool {
	i.emit(false)
	return !i.failed
}

// emit passes up a piece whose payload is borrowed until the call returns.
func (i *inflating) emit(fin bool) {
	i.piece.Header, i.piece.Payload = i.head, nil
	i.piece.Fin = fin
	i.head = frame.Header{Opcode: frame.OpContinuation}
	if i.z != nil {
		i.piece.Payload = i.z.out
		i.z.out = i.z.out[:0]
	}
	i.up(i.piece)
}

func (i *inflating) fail(err error) {
	i.end()
	if err == errRatio {
		i.down(tooFar)
	} else {
		i.down(notDeflate)
	}
}

// end gives back everything: the connection has failed or is gone.
func (i *inflating) end() {
	i.failed = true
	if !i.busy { // else inflate will return soon
		i.release()
	}
}

func (i *inflating) borrow() *inflater {
	z, ok := inflaters.get()
	if !ok {
		z = newInflater()
	}
	z.ratio = i.ratio
	z.window = &z.own
	if i.takeover {
		z.window = i.window
	}
	return z
}

func (i *inflating) release() {
	if i.stop != nil {
		i.stop()
		i.next, i.stop = nil, nil
	}
	if i.z != nil {
		i.z.reset()
		inflaters.put(i.z)
		i.z = nil
	}
}

// inflater inflates one message. It reads its own compressed bytes through in,
// so that it can stop where they run dry.
type inflater struct {
	reader flateReader
	codes  [][]uint16    // of reader, to be forgotten between two messages; nil: they cannot be got at
	in     *bufio.Reader // over Read
	piece  []byte        // compressed, borrowed
	fin    bool          // no piece follows
	tail   int           // bytes of inflateTail that were read
	read   int64         // bytes that in has read

	out    []byte // inflated, not yet passed up
	made   int64  // inflated bytes in all
	ratio  int
	window *window
	own    window              // for a peer that does not keep its window
	pause  func(dry bool) bool // called when piece is used up (dry) or out is full; false: stop
	err    error
}

type flateReader interface {
	io.Reader
	flate.Resetter
}

func newInflater() *inflater {
	z := &inflater{out: make([]byte, 0, outSize), own: window{size: 1 << maxBits}}
	z.in = bufio.NewReaderSize(z, inSize)
	z.reader = flate.NewReader(z.in).(flateReader)
	z.distract() // which makes it have codes
	z.codes = codesOf(z.reader)
	z.reset()
	return z
}

// reset prepares z for another message, of another connection: it forgets the Huffman
// codes of this one. A reader keeps codes, and takes them for those that a bad block
// leaves empty.
func (z *inflater) reset() {
	if z.codes == nil {
		z.distract()
	}
	for _, code := range z.codes {
		clear(code)
	}
	z.own.bytes = z.own.bytes[:0]
	*z = inflater{reader: z.reader, codes: z.codes, in: z.in, out: z.out[:0], own: z.own}
	z.in.Reset(z)
}

// codesOf finds where a reader of klauspost/compress keeps its codes, to clear them:
// distract would take 1.1 us more for each message, a fifteenth of an echo of 1 KiB
// (BenchmarkInflate). It returns nil if that version is built in another way.
func codesOf(reader any) (codes [][]uint16) {
	v := reflect.ValueOf(reader)
	if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
		return nil
	}
	for _, name := range []string{"h1", "h2"} {
		decoder := v.Elem().FieldByName(name)
		if decoder.Kind() != reflect.Struct {
			return nil
		}
		chunks := decoder.FieldByName("chunks")
		if !chunks.IsValid() || chunks.Type() != reflect.TypeFor[*[512]uint16]() || chunks.IsNil() {
			return nil
		}
		codes = append(codes, (*[512]uint16)(chunks.UnsafePointer())[:])
	}
	return codes
}

// distract has the reader read oblivion, whose codes it keeps then.
func (z *inflater) distract() {
	z.piece, z.fin, z.tail = oblivion, true, 0
	z.in.Reset(z)
	z.reader.Reset(z.in, nil)
	z.reader.Read(z.out[:1]) // nothing, and the end
}

// oblivion is a block that says nothing, with Huffman codes of its own.
var oblivion = []byte("\x05\xdd\x81\x08\x00\x00\x00\x00\x20\x7f\xeb\x49\x06")

// pauses is z.run as a sequence of its pauses.
func (z *inflater) pauses(yield func(dry bool) bool) {
	stopped := false
	z.pause = func(dry bool) bool {
		stopped = stopped || !yield(dry)
		return !stopped
	}
	z.err = z.run()
}

// run inflates the message. Usually that is one DEFLATE stream, which goes on
// to the final block of the tail; but any block may be a final one (RFC 7692
// 7.2.3.4), and the next one may still refer to what was before.
func (z *inflater) run() error {
	for {
		more, err := z.more()
		if !more || err != nil {
			return err
		}
		if err := z.reader.Reset(z.in, z.window.bytes); err != nil {
			return err
		}
		if err := z.stream(); err != nil {
			return err
		}
	}
}

// more reports whether another stream begins. A message may end with a final
// block, without the empty one behind it; and may have no bytes at all.
func (z *inflater) more() (bool, error) {
	for z.in.Buffered() == 0 && len(z.piece) == 0 && !z.fin {
		if !z.pause(true) {
			return false, errStopped
		}
	}
	inTail := z.tail > 0 && z.tail < len(inflateTail)
	return z.in.Buffered() > 0 || len(z.piece) > 0 || inTail, nil
}

// stream inflates up to the end of a final block.
func (z *inflater) stream() error {
	for {
		if len(z.out) == cap(z.out) && !z.pause(false) {
			return errStopped
		}
		room := z.out[len(z.out):cap(z.out)]
		n, err := z.reader.Read(room)
		z.window.add(room[:n])
		z.out = append(z.out, room[:n]...) // not where it is, if a pause emptied out
		z.made += int64(n)
		used := z.read - int64(z.in.Buffered())
		switch {
		case z.ratio > 0 && z.made > ratioSilence && z.made/int64(z.ratio) > used:
			return errRatio
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
	}
}

// Read gives the compressed bytes as they come, and the tail behind them. It
// never mixes the two.
func (z *inflater) Read(p []byte) (n int, err error) {
	for len(z.piece) == 0 && !z.fin {
		if !z.pause(true) {
			return 0, errStopped
		}
	}
	if len(z.piece) > 0 {
		n = copy(p, z.piece)
		z.piece = z.piece[n:]
	} else {
		n = copy(p, inflateTail[z.tail:])
		z.tail += n
		if n == 0 {
			return 0, io.EOF
		}
	}
	z.read += int64(n)
	return n, nil
}

// window is the latest bytes of a stream, as many as size at most. It takes no
// more memory than it was given bytes, give or take.
type window struct {
	bytes []byte
	size  int
}

func (w *window) add(p []byte) {
	if len(p) > w.size {
		p = p[len(p)-w.size:]
	}
	if over := len(w.bytes) + len(p) - w.size; over > 0 {
		w.bytes = w.bytes[:copy(w.bytes, w.bytes[over:])]
	}
	if n := len(w.bytes) + len(p); n > cap(w.bytes) {
		grown := make([]byte, len(w.bytes), min(max(n, 2*cap(w.bytes)), w.size))
		copy(grown, w.bytes)
		w.bytes = grown
	}
	w.bytes = append(w.bytes, p...)
}
