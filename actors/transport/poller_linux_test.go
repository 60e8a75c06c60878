package transport

import (
	"io"
	"sync"
	"syscall"
	"testing"

	"github.com/spindrift-go/spindrift/actors/dispatch"
	"github.com/stretchr/testify/require"
)

// inUse is how many slots have a socket.
func (p *epoll) inUse() (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.slots) - len(p.free)
}

func TestPollerTellsWhatIsReady(t *testing.T) {
	d := dispatch.New()
	p, err := newEpoll(d)
	require.NoError(t, err)
	defer p.stop()
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK, 0)
	require.NoError(t, err)
	defer syscall.Close(pair[0])
	seen, m := newCollector(d)
	_, err = p.add(pair[0], m)
	require.NoError(t, err)
	is := func(bits uint32) func() bool { return func() bool { return seen.bits.Load() == bits } }
	eventually(t, is(Writable), "room")
	seen.bits.Store(0)
	syscall.Write(pair[1], []byte("x"))
	eventually(t, func() bool { return seen.bits.Load()&Readable != 0 }, "a byte")
	seen.bits.Store(0)
	syscall.Close(pair[1])
	eventually(t, func() bool { return seen.bits.Load()&(Readable|Ended) == Readable|Ended }, "the end")
}

// An event that was meant for the socket which had the slot before is nobody's.
func TestPollerReusesSlots(t *testing.T) {
	d := dispatch.New()
	p, err := newEpoll(d)
	require.NoError(t, err)
	defer p.stop()
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK, 0)
	require.NoError(t, err)
	first, second := pair[0], pair[1]
	defer syscall.Close(second)
	old, m := newCollector(d)
	place, err := p.add(first, m)
	require.NoError(t, err)
	stale := syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: place, Pad: p.slots[place].generation}
	p.remove(place)
	syscall.Close(first)
	require.Empty(t, p.settle([]syscall.EpollEvent{stale}, nil), "an event of a free slot")

	_, next := newCollector(d)
	again, err := p.add(second, next)
	require.NoError(t, err)
	require.Equal(t, place, again, "the slot")
	require.Empty(t, p.settle([]syscall.EpollEvent{stale}, nil), "an event of the socket before")
	require.Equal(t, 1, p.inUse())
	p.remove(again)
	require.Zero(t, p.inUse())
	require.Len(t, p.slots, 1)
	require.Zero(t, old.bits.Load()&Readable)
}

// A socket that cannot be watched takes no slot.
func TestPollerRefuses(t *testing.T) {
	d := dispatch.New()
	p, err := newEpoll(d)
	require.NoError(t, err)
	defer p.stop()
	_, m := newCollector(d)
	_, err = p.add(-1, m)
	require.Error(t, err)
	require.Zero(t, p.inUse())
	require.Nil(t, p.slots[0].mailbox)
}

// Without descriptors for a poller, or for a socket of its own, a connection gets
// the portable wire.
func TestPollerWithoutDescriptors(t *testing.T) {
	for name, hold := range map[string]bool{"no poller": false, "no socket": true} {
		t.Run(name, func(t *testing.T) {
			d := dispatch.New()
			p := NewPoller(d)
			if hold {
				defer p.Hold()()
			}
			near, far := tcp(t)
			defer far.Close()
			defer near.Close()
			_, m := newCollector(d)
			var limit syscall.Rlimit
			require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit))
			none := limit
			none.Cur = 0
			require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &none))
			got := p.Open(near, m, false)
			require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit))
			defer got.Close()
			require.IsType(t, &portable{}, got)
			n, err := got.Write([]byte("hello"))
			require.Equal(t, 5, n)
			require.NoError(t, err)
			heard := make([]byte, 5)
			_, err = io.ReadFull(far, heard)
			require.NoError(t, err)
		})
	}
}

// Sockets come and go on many goroutines, and slots with them: none stays in use.
func TestPollerChurn(t *testing.T) {
	const goroutines, rounds = 8, 60
	p := NewPoller(dispatch.New())
	release := p.Hold()
	var all sync.WaitGroup
	for range goroutines {
		all.Go(func() {
			for range rounds {
				near, far := tcp(t)
				c, m := newCollector(p.dispatcher)
				w := p.Open(near, m, false)
				far.Write([]byte("x"))
				eventually(t, func() bool { return c.bits.Load()&Readable != 0 }, "a byte")
				w.Close()
				far.Close()
			}
		})
	}
	all.Wait()
	e := p.epoll
	require.Zero(t, e.inUse())
	e.mu.Lock()
	for _, s := range e.slots {
		require.Nil(t, s.mailbox, "a mailbox kept alive")
	}
	require.LessOrEqual(t, len(e.slots), goroutines, "slots are used again")
	e.mu.Unlock()
	require.Equal(t, 1, p.Len())
	release()
	release()
	require.Zero(t, p.Len())
	require.Nil(t, p.epoll)
}
