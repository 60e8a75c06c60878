package pipeline

import (
	"hash/maphash"
	"sync"
	"sync/atomic"

	"github.com/spindrift-go/spindrift/frame"
)

// Shared remembers the latest messages that more than one connection was sent,
// compressed: a broadcast is compressed once and not for each receiver, also if others
// are on their way at the same time. The zero value is ready. It keeps those messages
// alive: the latest one, and of those before it as many as are 1 MiB together.
type Shared struct {
	slots [deflaterKinds]slot
}

const (
	sharedBytes = 1 << 20 // that messages may take together, plain and compressed
	sharedCount = 1 << 10 // messages at most
	seenBits    = 10      // of the index of what was seen once
)

// slot is a Shared for one kind of compressor: only connections without context
// takeover, which all compress alike.
type slot struct {
	one, many atomic.Bool // connections there were: nothing is remembered for one that is alone with its Options
	memory    atomic.Pointer[memory]
}

// of returns the slot for one more connection.
func (s *Shared) of(kind deflaterKind) *slot {
	slot := &s.slots[kind.index()]
	if !slot.many.Load() && slot.one.Swap(true) {
		slot.many.Store(true)
	}
	return slot
}

// memory is a slot that is in use.
type memory struct {
	seed  maphash.Seed
	seen  [1 << seenBits]atomic.Uint64 // hashes of the addresses of messages that came once: they are not kept for that
	known sync.Map                     // of *sharedFrame, by what they were

	mu    sync.Mutex
	order []*sharedFrame // what is known, oldest first
	bytes int            // of it
}

// sharedFrame is a message and what it was compressed to. That plain is known by its
// address is enough: as long as it is remembered no other frame can be there.
type sharedFrame struct {
	plain    *frame.Frame
	once     sync.Once
	deflated *frame.Frame
	size     int
}

// find returns what is remembered of f, which may still have to be compressed. It is nil
// for what is not worth it: for one connection only, or so it seems when it comes for the
// first time and its sender has not called Share, so that messages to a single connection
// cost nothing.
func (s *slot) find(f *frame.Frame) *sharedFrame {
	if s == nil || f.HandedOver() || !s.many.Load() {
		return nil
	}
	m := s.memory.Load()
	if m == nil {
		s.memory.CompareAndSwap(nil, &memory{seed: maphash.MakeSeed()})
		m = s.memory.Load()
	}
	if known, ok := m.known.Load(f); ok {
		return known.(*sharedFrame)
	}
	if !f.Shared() && !m.sawBefore(f) {
		return nil
	}
	known, _ := m.known.LoadOrStore(f, &sharedFrame{plain: f})
	return known.(*sharedFrame)
}

// sawBefore reports whether f has come before. It may be wrong, about messages that lie
// where others did, and when many are on their way: then one is kept in vain, or compressed
// once more.
func (m *memory) sawBefore(f *frame.Frame) bool {
	hash := maphash.Comparable(m.seed, f)
	seen := &m.seen[hash>>(64-seenBits)]
	if seen.Load() == hash {
		return true
	}
	seen.Store(hash)
	return false
}

// add counts what was compressed, and forgets the oldest if there is too much.
func (m *memory) add(k *sharedFrame) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.order = append(m.order, k)
	m.bytes += k.size
	forgotten := 0
	for ; m.bytes > sharedBytes && forgotten < len(m.order)-1 || len(m.order)-forgotten > sharedCount; forgotten++ {
		old := m.order[forgotten]
		m.known.Delete(old.plain)
		m.bytes -= old.size
		m.order[forgotten] = nil
	}
	m.order = m.order[forgotten:]
}
