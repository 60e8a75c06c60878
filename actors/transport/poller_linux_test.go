package transport

import (
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spindrift-go/spindrift/actors/dispatch"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// inUse is how many slots have a socket.
func (p *epoll) inUse() (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.slots) - len(p.free)
}

func TestPollerTellsWhatIsReady(t *testing.T) {
	d := dispatch.New()
	p, err := newEpoll(NewPoller(d), 0)
	require.NoError(t, err)
	defer p.stop()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
	require.NoError(t, err)
	defer unix.Close(pair[0])
	seen, m := newCollector(d)
	w := &polled{fd: pair[0]}
	require.NoError(t, p.add(w, m))
	is := func(bits uint32) func() bool { return func() bool { return seen.bits.Load() == bits } }
	unix.Write(pair[1], []byte("x"))
	eventually(t, func() bool { return seen.bits.Load() != 0 }, "a byte")
	require.Equal(t, Readable, seen.bits.Swap(0), "nobody has asked for space")
	require.NoError(t, p.watchSpace(w))
	eventually(t, is(Readable|Writable), "space that is there")
	seen.bits.Store(0)
	unix.Close(pair[1])
	eventually(t, func() bool { return seen.bits.Load()&(Readable|Ended) == Readable|Ended }, "the end")
}

// A socket that was full is signalled when it has space, each time.
func TestPollerTellsOfSpace(t *testing.T) {
	near, far := tcp(t)
	d := dispatch.New()
	seen, m := newCollector(d)
	w := NewPoller(d).Open(near, m, false)
	defer w.Close()
	message := make([]byte, 64<<10)
	for range 3 {
		sent := w.Written()
		var err error
		for err == nil {
			_, err = w.Write(message)
		}
		require.Equal(t, ErrAgain, err)
		_, err = io.CopyN(io.Discard, far, w.Written()-sent)
		require.NoError(t, err)
		eventually(t, func() bool { return seen.bits.Load()&Writable != 0 }, "space")
		seen.bits.Store(0)
	}
}

// An event that was meant for the socket which had the slot before is nobody's.
func TestPollerReusesSlots(t *testing.T) {
	d := dispatch.New()
	p, err := newEpoll(NewPoller(d), 0)
	require.NoError(t, err)
	defer p.stop()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
	require.NoError(t, err)
	first, second := pair[0], pair[1]
	defer unix.Close(second)
	old, m := newCollector(d)
	was := &polled{fd: first}
	require.NoError(t, p.add(was, m))
	stale := unix.EpollEvent{Events: unix.EPOLLIN, Fd: was.slot, Pad: p.slots[was.slot].generation}
	p.remove(was)
	unix.Close(first)
	require.Empty(t, p.signal([]unix.EpollEvent{stale}, nil), "an event of a free slot")

	_, next := newCollector(d)
	is := &polled{fd: second}
	require.NoError(t, p.add(is, next))
	require.Equal(t, was.slot, is.slot, "the slot")
	require.Empty(t, p.signal([]unix.EpollEvent{stale}, nil), "an event of the socket before")
	require.Equal(t, 1, p.inUse())
	p.remove(is)
	require.Zero(t, p.inUse())
	require.Len(t, p.slots, 1)
	require.Zero(t, old.bits.Load()&Readable)
}

// A socket that cannot be watched takes no slot.
func TestPollerRefuses(t *testing.T) {
	d := dispatch.New()
	p, err := newEpoll(NewPoller(d), 0)
	require.NoError(t, err)
	defer p.stop()
	_, m := newCollector(d)
	require.Error(t, p.add(&polled{fd: -1}, m))
	require.Zero(t, p.inUse())
	require.Nil(t, p.slots[0].mailbox)
}

// Above eight cores there is a poller for each group of them. Connections take them in turn, and all stop with the last.
func TestPollerForEachGroup(t *testing.T) {
	before := runtime.GOMAXPROCS(24)
	defer runtime.GOMAXPROCS(before)
	d := dispatch.New()
	require.Equal(t, 3, d.Groups())
	p := NewPoller(d)
	var opened []Transport
	for range 6 {
		near, far := tcp(t)
		defer far.Close()
		seen, m := newCollector(d)
		opened = append(opened, p.Open(near, m, false))
		far.Write([]byte("x"))
		eventually(t, func() bool { return seen.bits.Load()&Readable != 0 })
	}
	epolls := p.epolls
	require.Len(t, epolls, 3)
	for _, e := range epolls {
		require.Equal(t, 2, e.inUse())
	}
	for _, w := range opened {
		w.Close()
	}
	require.Empty(t, p.epolls)
	for _, e := range epolls {
		require.Error(t, e.file.Close(), "closed already")
	}
}

// Without descriptors for a poller, or for a socket of its own, a connection gets
// the portable wire.
func TestPollerWithoutDescriptors(t *testing.T) {
	for name, hold := range map[string]bool{"no poller": false, "no socket": true} {
		t.Run(name, func(t *testing.T) {
			d := dispatch.New()
			p := NewPoller(d)
			if hold {
				defer p.Keep()()
			}
			near, far := tcp(t)
			defer far.Close()
			defer near.Close()
			_, m := newCollector(d)
			var limit unix.Rlimit
			require.NoError(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &limit))
			none := limit
			none.Cur = 0
			require.NoError(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &none))
			got := p.Open(near, m, false)
			require.NoError(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &limit))
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
	release := p.Keep()
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
	require.NotEmpty(t, p.epolls)
	for _, e := range p.epolls {
		require.Zero(t, e.inUse())
		e.mu.Lock()
		for _, s := range e.slots {
			require.Nil(t, s.mailbox, "a mailbox kept alive")
		}
		require.LessOrEqual(t, len(e.slots), goroutines, "slots are used again")
		e.mu.Unlock()
	}
	require.Equal(t, 1, p.Len())
	release()
	release()
	require.Zero(t, p.Len())
	require.Empty(t, p.epolls)
}

// What TCP urgent data splits is read whole, though the socket signals only once: the kernel ends a read before the mark.
func TestUrgentDataHidesNothing(t *testing.T) {
	for name, parts := range map[string][]string{ // every other part is urgent
		"none":          {"abcdef"},
		"inside":        {"abc", "!", "def"},
		"in front":      {"", "!", "abcdef"},
		"behind":        {"abcdef", "!", ""},
		"more than one": {"ab", "!", "cd", "?", "ef"},
	} {
		t.Run(name, func(t *testing.T) {
			near, far := tcp(t)
			raw, err := far.SyscallConn()
			require.NoError(t, err)
			want := ""
			for i, part := range parts {
				if part == "" {
					continue
				}
				flags := 0
				if i%2 == 1 {
					flags = unix.MSG_OOB
				} else {
					want += part
				}
				require.NoError(t, raw.Control(func(fd uintptr) { err = unix.Send(int(fd), []byte(part), flags) }))
				require.NoError(t, err)
			}
			// An urgent byte that a later one has replaced becomes part of the data.
			clean := strings.NewReplacer("!", "", "?", "")
			r := &reading{size: 100, end: make(chan error, 1)}
			d := dispatch.New()
			m := d.Mailbox().(*dispatch.Mailbox)
			m.RegisterHandlers(invoker{hooks: r}, nil)
			r.mailbox = m
			r.transport = NewPoller(d).Open(near, m, false)
			m.Start()
			eventually(t, func() (all bool) {
				look(m, r, func() { all = clean.Replace(string(r.got)) == want })
				return all
			})
			look(m, r, func() { r.transport.Close() })
		})
	}
}

// A socket that the program sets to blocking does not block here, whoever reads and writes it, nor one of ours that it does so with
// later; nor does closing one that lingers.
func TestSocketsThatBlock(t *testing.T) {
	for _, secure := range []bool{false, true} {
		for _, portable := range []bool{false, true} {
			t.Run(fmt.Sprintf("TLS %v, portable %v", secure, portable), func(t *testing.T) {
				near, far := tcp(t)
				nc := net.Conn(near)
				if secure {
					a, b := secured(t)
					near, far = a.NetConn().(*PollableConn).TCPConn, b.NetConn().(*net.TCPConn)
					nc = a
				}
				require.NoError(t, near.SetLinger(10))
				f, err := near.File()
				require.NoError(t, err)
				require.NoError(t, unix.SetNonblock(int(f.Fd()), false))
				d := dispatch.New()
				_, m := newCollector(d)
				w := NewPoller(d).Open(nc, m, portable)
				require.NoError(t, unix.SetNonblock(int(f.Fd()), false)) // also when it is ours
				require.NoError(t, f.Close())
				done := make(chan struct{})
				go func() {
					defer close(done)
					buf := make([]byte, 1<<10)
					for range 3 {
						_, err := w.Read(buf)
						assert.Equal(t, ErrAgain, err)
					}
					full := make([]byte, 64<<10)
					for range 1000 { // far more than the socket takes
						n, err := w.Writev(full[:10], full)
						if n == 0 {
							n, err = w.Write(full)
						}
						if n == 0 {
							assert.Equal(t, ErrAgain, err)
							break
						}
					}
					w.Close()
				}()
				select {
				case <-done:
				case <-time.After(5 * time.Second): // less than it lingers
					require.Fail(t, "it blocks")
				}
				io.Copy(io.Discard, far)
			})
		}
	}
}
