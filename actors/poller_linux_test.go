package actors

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// watcher is a passenger that collects the signals it gets.
type watcher struct {
	bits atomic.Uint32
	got  atomic.Int64
}

func (w *watcher) item(any) {}
func (w *watcher) settle()  {}
func (w *watcher) signalled(bits uint32) {
	w.bits.Or(bits)
	w.got.Add(1)
}

func newWatcher(c *Crew) (*watcher, *Mailbox) {
	w := &watcher{}
	m := c.Mailbox().(*Mailbox)
	m.RegisterHandlers(invoke(func(any) {}), nil)
	m.passenger = w
	m.Start()
	return w, m
}

// inUse is how many slots have a socket.
func (p *poller) inUse() (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.slots) - len(p.free)
}

func TestPollerTellsWhatIsReady(t *testing.T) {
	w := newWorld(t, onPoller)
	p, err := newPoller(w.rt.crew)
	require.NoError(t, err)
	defer p.stop()
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK, 0)
	require.NoError(t, err)
	defer syscall.Close(pair[0])
	seen, m := newWatcher(w.rt.crew)
	_, err = p.add(pair[0], m)
	require.NoError(t, err)
	is := func(bits uint32) func() bool { return func() bool { return seen.bits.Load() == bits } }
	w.eventually(is(writable), "room")
	seen.bits.Store(0)
	syscall.Write(pair[1], []byte("x"))
	w.eventually(func() bool { return seen.bits.Load()&readable != 0 }, "a byte")
	seen.bits.Store(0)
	syscall.Close(pair[1])
	w.eventually(func() bool { return seen.bits.Load()&(readable|ended) == readable|ended }, "the end")
}

// An event that was meant for the socket which had the slot before is nobody's.
func TestPollerReusesSlots(t *testing.T) {
	w := newWorld(t, onPoller)
	p, err := newPoller(w.rt.crew)
	require.NoError(t, err)
	defer p.stop()
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK, 0)
	require.NoError(t, err)
	first, second := pair[0], pair[1]
	defer syscall.Close(second)
	old, m := newWatcher(w.rt.crew)
	place, err := p.add(first, m)
	require.NoError(t, err)
	stale := syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: place, Pad: p.slots[place].generation}
	p.remove(place)
	syscall.Close(first)
	require.Empty(t, p.settle([]syscall.EpollEvent{stale}, nil), "an event of a free slot")

	_, next := newWatcher(w.rt.crew)
	again, err := p.add(second, next)
	require.NoError(t, err)
	require.Equal(t, place, again, "the slot")
	require.Empty(t, p.settle([]syscall.EpollEvent{stale}, nil), "an event of the socket before")
	require.Equal(t, 1, p.inUse())
	p.remove(again)
	require.Zero(t, p.inUse())
	require.Len(t, p.slots, 1)
	require.Zero(t, old.bits.Load()&readable)
}

// A socket that cannot be watched takes no slot.
func TestPollerRefuses(t *testing.T) {
	w := newWorld(t, onPoller)
	p, err := newPoller(w.rt.crew)
	require.NoError(t, err)
	defer p.stop()
	_, m := newWatcher(w.rt.crew)
	_, err = p.add(-1, m)
	require.Error(t, err)
	require.Zero(t, p.inUse())
	require.Nil(t, p.slots[0].mailbox)
}

// Signals that nothing has caused do nothing.
func TestSpuriousSignals(t *testing.T) {
	everywhere(t, func(w *world) {
		h := w.handler(echo)
		p := w.link(w.plan(h))
		for _, bits := range []uint32{readable, writable, due, readable | writable, readable | ended} {
			for range 100 {
				p.conn.mailbox.Signal(bits)
			}
			p.send(masked(frame.Text("still")))
			p.text("still")
		}
		p.send(masked(frame.Close(frame.Normal, "")))
		p.closes(frame.Normal)
		p.Close()
		for range 100 { // also when nobody is there any more
			p.conn.mailbox.Signal(readable | writable | ended | due)
		}
		require.True(w, h.closed().Clean)
	})
}

// Connections come and go on many goroutines, and descriptors and slots with
// them; each still talks to its own peer.
func TestPollerChurn(t *testing.T) {
	const goroutines, rounds = 8, 60
	w := newWorld(t, onPoller)
	defer w.rt.Hold()()
	h := w.handler(echo).forgetful()
	plan := w.plan(h)
	var mu sync.Mutex
	var all sync.WaitGroup
	for g := range goroutines {
		all.Go(func() {
			for i := range rounds {
				mu.Lock() // the harness is not made for this
				p := w.link(plan)
				mu.Unlock()
				text := string(rune('a'+g)) + string(rune('A'+i))
				io.WriteString(p.Conn, masked(frame.Text(text)))
				f, err := readFrame(p.in)
				if assert.NoError(w, err) {
					assert.Equal(w, text, f.String())
				}
				switch i % 3 {
				case 0:
					p.tcp.SetLinger(0)
				case 1:
					w.system.Root.Stop(p.pid)
				}
				p.tcp.Close()
			}
		})
	}
	all.Wait()
	w.eventually(func() bool { return told[*pipeline.Closed](h) == goroutines*rounds }, "every Closed")
	w.rt.mu.Lock()
	p := w.rt.poller
	w.rt.mu.Unlock()
	w.eventually(func() bool { return p.inUse() == 0 }, "slots in use")
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.slots {
		assert.Nil(w, s.mailbox, "a mailbox kept alive")
	}
	assert.Less(w, len(p.slots), goroutines*rounds/2, "slots are used again")
}

// The poller ends with its last user, and there is another for the next.
func TestPollerComesAndGoes(t *testing.T) {
	w := newWorld(t, onPoller)
	h := w.handler(echo)
	for range 5 {
		require.Zero(t, w.rt.polled())
		p := w.link(w.plan(h))
		require.Equal(t, 1, w.rt.polled())
		h.greeted()
		p.send(masked(frame.Text("hi")))
		p.text("hi")
		h.text("hi")
		p.Close()
		h.closed()
		w.eventually(p.ended, "the end")
		w.rt.mu.Lock()
		require.Nil(t, w.rt.poller)
		w.rt.mu.Unlock()
	}
	release := w.rt.Hold()
	require.Equal(t, 1, w.rt.polled())
	release()
	release()
	require.Zero(t, w.rt.polled())
}

// Without descriptors for a poller, or for a socket of its own, a connection gets
// the portable wire.
func TestPollerWithoutDescriptors(t *testing.T) {
	for name, hold := range map[string]bool{"no poller": false, "no socket": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, onPoller)
			if hold {
				defer w.rt.Hold()()
			}
			near, far := w.sockets()
			defer far.Close()
			defer near.Close()
			_, m := newWatcher(w.rt.crew)
			var limit syscall.Rlimit
			require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit))
			none := limit
			none.Cur = 0
			require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &none))
			got := w.rt.newWire(near, m, false)
			require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit))
			defer got.close()
			require.IsType(t, &portable{}, got)
			n, err := got.write([]byte("hello"))
			require.Equal(t, 5, n)
			require.NoError(t, err)
			heard := make([]byte, 5)
			_, err = io.ReadFull(far, heard)
			require.NoError(t, err)
		})
	}
}

// A connection's descriptor is its own: the net.TCPConn that it came from is
// closed, and closing that again is harmless.
func TestPolledOwnsItsDescriptor(t *testing.T) {
	w := newWorld(t, onPoller)
	h := w.handler(echo)
	near, b := w.sockets()
	p := w.start(w.plan(h), func(m *Mailbox) wire { return w.rt.newWire(near, m, false) })
	_, err := near.Write([]byte("x"))
	require.ErrorIs(t, err, net.ErrClosed)
	require.ErrorIs(t, near.Close(), net.ErrClosed)
	io.WriteString(b, masked(frame.Text("hi")))
	f, err := readFrame(b)
	require.NoError(t, err)
	require.Equal(t, "hi", f.String())
	b.Close()
	h.closed()
	w.eventually(p.ended, "the end")
}
