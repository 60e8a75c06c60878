package remote

import (
	"sync"

	"google.golang.org/grpc/mem"
)

// packSize is about how much goes into one Pack.
const packSize = 256 << 10

// outbox holds what is to be sent on a link, encoded, until the link's writer takes it: so what comes while
// that is at work goes out together, and costs no allocation. grpc sends it from there, and gives it back.
type outbox struct {
	mu     sync.Mutex
	buf    []byte  // fields of Packs
	cuts   []int   // where another Pack may begin
	last   int     // the last of them
	before address // of the last Item in buf; none: it is a Pack's first, or may not be followed
	ping   uint64  // to be asked behind all of it; 0: nothing
	pong   uint64  // to be answered; 0: nothing
	called bool    // the writer will come
	closed bool
	spares [][]byte
	most   int // bytes
}

// put queues an Item. call says that the writer is to be called; full that the link does not take
// what it is given; ok that it was queued.
func (o *outbox) put(m *outgoing) (call, full, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return false, false, false
	}
	if len(o.buf) > o.most {
		return false, true, false
	}
	if len(o.buf)-o.last >= packSize {
		o.last = len(o.buf)
		o.cuts = append(o.cuts, o.last)
		o.before = address{}
	}
	if o.buf == nil {
		o.buf = o.spare()
	}
	if m.follows(&o.before) {
		o.buf = m.appendAgain(o.buf)
	} else {
		o.buf, o.before = m.append(o.buf), m.address
	}
	call, o.called = !o.called, true
	return call, false, true
}

// ask queues a ping behind all that is there.
func (o *outbox) ask(ping uint64) (call bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ping = ping
	call, o.called = !o.called, true
	return call && !o.closed
}

// answer queues a pong. A link that is not open yet answers when it is.
func (o *outbox) answer(pong uint64, open bool) (call bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.pong = max(o.pong, pong)
	if !open {
		return false
	}
	call, o.called = !o.called, true
	return call && !o.closed
}

// take takes all that waits, for send to send Pack by Pack, which frees them or has grpc do it. It reports false if
// there is nothing.
func (o *outbox) take(send func(pack mem.Buffer) error) (more bool, err error) {
	o.mu.Lock()
	if len(o.buf) == 0 && o.ping == 0 && o.pong == 0 || o.closed {
		o.called = false
		o.mu.Unlock()
		return false, nil
	}
	buf, cuts := appendNumber(appendNumber(o.buf, packPong, o.pong), packPing, o.ping), o.cuts
	o.buf, o.cuts, o.last, o.before, o.ping, o.pong = nil, nil, 0, address{}, 0, 0
	o.mu.Unlock()
	all := mem.NewBuffer(&buf, (*recycler)(o))
	if len(cuts) == 0 {
		return true, send(all)
	}
	defer all.Free()
	from := 0
	for _, cut := range append(cuts, len(buf)) {
		if err := send(all.Slice(from, cut)); err != nil {
			return false, err
		}
		from = cut
	}
	return true, nil
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

// recycler is an outbox as grpc's pool of what it has sent.
type recycler outbox

// Get makes recycler a mem.BufferPool.
func (*recycler) Get(length int) *[]byte {
	b := make([]byte, length)
	return &b
}

// Put makes recycler a mem.BufferPool.
func (r *recycler) Put(b *[]byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closed && len(r.spares) < mostSpares && cap(*b) >= smallest && cap(*b) <= largest {
		r.spares = append(r.spares, (*b)[:0])
	}
}

func (o *outbox) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed, o.buf, o.spares, o.cuts = true, nil, nil, nil
}
