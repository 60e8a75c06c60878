package remote

import (
	"slices"
	"sync"

	"google.golang.org/grpc/mem"
)

// packSize is about how much goes into one Pack.
const packSize = 256 << 10

// outbox holds what is to be sent on a link, encoded. grpc is given a Pack when it has written the one before, from
// where that lies: so what comes meanwhile goes out together, costs no allocation, and nobody waits for grpc.
type outbox struct {
	mu     sync.Mutex
	buf    []byte   // the Pack that is being filled
	packs  [][]byte // those before it
	size   int      // bytes of those
	before address  // of the last Item in buf; none: the next is its first, or may not follow
	ping   uint64   // to be asked behind all of it; 0: nothing
	pong   uint64   // to be answered; 0: nothing
	called bool     // take will be called
	busy   bool     // grpc has a Pack
	closed bool
	spares [][]byte
	most   int // bytes
}

// put queues an Item. call says that take is to be called; full that the link does not take
// what it is given; ok that it was queued.
func (o *outbox) put(m *outgoing) (call, full, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return false, false, false
	}
	if o.size+len(o.buf) > o.most {
		return false, true, false
	}
	if len(o.buf) >= packSize {
		o.cut()
	}
	if o.buf == nil {
		o.buf = o.spare()
	}
	if m.follows(&o.before) {
		o.buf = m.appendAgain(o.buf)
	} else {
		o.buf, o.before = m.append(o.buf), m.address
	}
	return o.calls(), false, true
}

// ask queues a ping behind all that is there.
func (o *outbox) ask(ping uint64) (call bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ping = ping
	return o.calls()
}

// answer queues a pong. A link that is not open yet answers when it is.
func (o *outbox) answer(pong uint64, open bool) (call bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.pong = max(o.pong, pong)
	return open && o.calls()
}

// waits reports whether there is something to be sent. The lock must be held, as for all that follows.
func (o *outbox) waits() bool { return len(o.packs) > 0 || len(o.buf) > 0 || o.ping > 0 || o.pong > 0 }

// calls reports whether take is to be called, which it is not while it is called already, or will be when grpc has
// written what it has.
func (o *outbox) calls() bool {
	if o.called || o.busy || o.closed || !o.waits() {
		return false
	}
	o.called = true
	return true
}

// cut ends the Pack that is being filled.
func (o *outbox) cut() {
	if o.buf == nil {
		o.buf = o.spare()
	}
	pack := appendNumber(appendNumber(o.buf, packPong, o.pong), packPing, o.ping)
	o.packs, o.size = append(o.packs, pack), o.size+len(pack)
	o.buf, o.before, o.ping, o.pong = nil, address{}, 0, 0
}

// take returns the next Pack to be sent, which comes back to pool when grpc has written it; nil: there is none, or grpc
// has one.
func (o *outbox) take(pool mem.BufferPool) mem.Buffer {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.busy || o.closed || !o.waits() {
		o.called = false
		return nil
	}
	if len(o.packs) == 0 {
		o.cut()
	}
	pack := o.packs[0]
	o.packs, o.size = slices.Delete(o.packs, 0, 1), o.size-len(pack)
	o.busy = true
	return mem.NewBuffer(&pack, pool)
}

// An outbox keeps two buffers for what is to come, one to fill while grpc has the other: not larger ones than a Pack
// needs, for a burst that may not come again, nor smaller ones than grpc gives back.
const (
	mostSpares = 2
	smallest   = 4 << 10
	largest    = 2 * packSize
)

// spare is an empty buffer.
func (o *outbox) spare() (b []byte) {
	n := len(o.spares)
	if n == 0 {
		return make([]byte, 0, smallest)
	}
	b, o.spares = o.spares[n-1], o.spares[:n-1]
	return b
}

// sent is called with the memory of a Pack that grpc has written. It reports whether take is to be called.
func (o *outbox) sent(b []byte) (call bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.busy = false
	if !o.closed && len(o.spares) < mostSpares && cap(b) >= smallest && cap(b) <= largest {
		o.spares = append(o.spares, b[:0])
	}
	return o.calls()
}

func (o *outbox) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed, o.buf, o.packs, o.size, o.spares = true, nil, nil, 0, nil
}
