package remote

import (
	"sync"

	"github.com/spindrift-go/spindrift/frame"
	"google.golang.org/protobuf/encoding/protowire"
)

// packSize is about how much goes into one Pack.
const packSize = 256 << 10

// outbox holds what is to be sent on a link, encoded, until the link's writer takes it: so
// what comes while the writer is at work goes out together, and costs no allocation.
type outbox struct {
	mu     sync.Mutex
	buf    []byte // fields of Packs
	cuts   []int  // where another Pack may begin
	last   int    // the last of them
	ping   uint64 // to be asked behind all of it; 0: nothing
	pong   uint64 // to be answered; 0: nothing
	called bool   // the writer will come
	closed bool
	spare  []byte
	most   int // bytes
}

// outgoing is an Item to be.
type outgoing struct {
	target, sender, senderAddress string
	targetRequest, senderRequest  uint32
	up                            bool
	header                        []byte // encoded fields
	kind                          protowire.Number
	body                          []byte
	frame                         *frame.Frame // in place of body
}

func sizeString(s string) int {
	if s == "" {
		return 0
	}
	return 1 + protowire.SizeBytes(len(s))
}

func sizeNumber(v uint32) int {
	if v == 0 {
		return 0
	}
	return 1 + protowire.SizeVarint(uint64(v))
}

func (o *outgoing) bodySize() int {
	if o.frame == nil {
		return len(o.body)
	}
	n := 1 + protowire.SizeVarint(head(o.frame))
	if len(o.frame.Payload) > 0 {
		n += 1 + protowire.SizeBytes(len(o.frame.Payload))
	}
	return n
}

// size is of the Item without its tag and length.
func (o *outgoing) size(body int) int {
	n := sizeString(o.target) + sizeString(o.sender) + sizeString(o.senderAddress) + sizeNumber(o.targetRequest) + sizeNumber(o.senderRequest)
	if o.up {
		n += 2
	}
	return n + len(o.header) + protowire.SizeTag(o.kind) + protowire.SizeBytes(body)
}

func appendString(b []byte, number protowire.Number, s string) []byte {
	if s == "" {
		return b
	}
	return protowire.AppendString(protowire.AppendTag(b, number, protowire.BytesType), s)
}

func appendNumber(b []byte, number protowire.Number, v uint64) []byte {
	if v == 0 {
		return b
	}
	return protowire.AppendVarint(protowire.AppendTag(b, number, protowire.VarintType), v)
}

func (o *outgoing) append(b []byte) []byte {
	body := o.bodySize()
	b = protowire.AppendTag(b, packItems, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(o.size(body)))
	b = appendString(b, itemTarget, o.target)
	b = appendString(b, itemSender, o.sender)
	b = appendString(b, itemSenderAddress, o.senderAddress)
	b = appendNumber(b, itemTargetRequest, uint64(o.targetRequest))
	b = appendNumber(b, itemSenderRequest, uint64(o.senderRequest))
	if o.up {
		b = appendNumber(b, itemUp, 1)
	}
	b = append(b, o.header...)
	b = protowire.AppendTag(b, o.kind, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(body))
	if o.frame == nil {
		return append(b, o.body...)
	}
	b = protowire.AppendTag(b, frameHead, protowire.VarintType)
	b = protowire.AppendVarint(b, head(o.frame))
	if p := o.frame.Payload; len(p) > 0 {
		b = protowire.AppendTag(b, framePayload, protowire.BytesType)
		b = protowire.AppendBytes(b, p)
	}
	return b
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
	}
	o.buf = m.append(o.buf)
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

// take takes all that waits, for send to send Pack by Pack. It reports false if there is nothing.
func (o *outbox) take(send func(pack []byte) error) (more bool, err error) {
	o.mu.Lock()
	if len(o.buf) == 0 && o.ping == 0 && o.pong == 0 || o.closed {
		o.called = false
		o.mu.Unlock()
		return false, nil
	}
	o.buf = appendNumber(appendNumber(o.buf, packPong, o.pong), packPing, o.ping)
	buf, cuts := o.buf, o.cuts
	o.buf, o.cuts, o.last, o.ping, o.pong = o.spare[:0], nil, 0, 0, 0
	o.spare = nil
	o.mu.Unlock()
	from := 0
	for _, cut := range append(cuts, len(buf)) {
		if err := send(buf[from:cut:cut]); err != nil {
			return false, err
		}
		from = cut
	}
	if cap(buf) <= 4*packSize { // more is not kept for a burst that may not come again
		o.mu.Lock()
		o.spare = buf
		o.mu.Unlock()
	}
	return true, nil
}

func (o *outbox) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed, o.buf, o.spare, o.cuts = true, nil, nil, nil
}
