package transport

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/spindrift-go/spindrift/actors/dispatch"
	"github.com/stretchr/testify/require"
)

// reading reads what its transport has, size bytes at a time, in turns of so many reads.
type reading struct {
	transport Transport
	mailbox   *dispatch.Mailbox
	size      int
	got       []byte
	end       chan error
	see       atomic.Pointer[func()] // runs in the next turn
}

// look runs f in a turn of the mailbox, and waits for it.
func look(m *dispatch.Mailbox, r *reading, f func()) {
	done := make(chan struct{})
	once := func() { f(); close(done) }
	r.see.Store(&once)
	m.Signal(Writable)
	<-done
}

func (d *reading) Item(any) bool { return false }
func (d *reading) BurstEnded()   {}
func (d *reading) Exited()       {}
func (d *reading) Signalled(bits uint32) {
	if f := d.see.Swap(nil); f != nil {
		(*f)()
	}
	if bits&Readable == 0 {
		return
	}
	buf := make([]byte, d.size)
	for range 7 {
		n, err := d.transport.Read(buf)
		d.got = append(d.got, buf[:n]...)
		if err == ErrAgain {
			return
		}
		if err != nil {
			d.end <- err
			return
		}
	}
	d.mailbox.Signal(Readable) // as after a pause
}

// Whether the goroutine reads or the actor itself, nothing is lost, doubled or left
// lying, and the end comes once: in whatever pieces it is sent and read.
func TestPortableReads(t *testing.T) {
	for name, piped := range map[string]bool{"socket": false, "pipe": true} {
		for _, length := range []int{0, 1, idleBuffer - 1, idleBuffer, idleBuffer + 1, 2 * idleBuffer, 3*readBufferSize + 1, 100_000} {
			for _, size := range []int{7, idleBuffer, len(ReadBuffer{})} {
				t.Run(fmt.Sprintf("%s/%d by %d", name, length, size), func(t *testing.T) {
					var near, far net.Conn
					if near, far = net.Pipe(); !piped {
						near, far = tcp(t)
					}
					sent := make([]byte, length)
					for i := range sent {
						sent[i] = byte(i * 7 >> 3)
					}
					d := &reading{size: size, end: make(chan error, 2)}
					dispatcher := dispatch.New()
					m := dispatcher.Mailbox().(*dispatch.Mailbox)
					m.RegisterHandlers(invoker{hooks: d}, nil)
					d.mailbox = m
					d.transport = newPortable(near, m)
					m.Start()
					for rest := sent; len(rest) > 0; {
						n := min(len(rest), 1+len(rest)/3)
						_, err := far.Write(rest[:n])
						require.NoError(t, err)
						rest = rest[n:]
					}
					require.NoError(t, far.Close())
					require.Equal(t, io.EOF, <-d.end)
					require.True(t, bytes.Equal(sent, d.got), "%d of %d bytes", len(d.got), len(sent))
					d.transport.Close()
					require.Empty(t, d.end)
				})
			}
		}
	}
}

// A reading goroutine that has not got to what has arrived is known to be late: before its first read, while it is behind with one,
// and not when it has met the end.
func TestPortableHasUnread(t *testing.T) {
	near, far := net.Pipe()
	c, m := newCollector(dispatch.New())
	p := &portable{nc: near, mailbox: m, readOn: true}
	p.mayRead.L = &p.mu
	require.True(t, p.HasUnread(), "it has not begun")
	go p.reader()
	eventually(t, func() bool { return !p.HasUnread() })
	_, err := far.Write([]byte("x"))
	require.NoError(t, err)
	eventually(t, func() bool { return c.bits.Load()&Readable != 0 })
	require.True(t, p.HasUnread(), "what it has read was not taken")
	buf := make([]byte, 10)
	n, err := p.Read(buf)
	require.Equal(t, 1, n)
	require.Equal(t, ErrAgain, err)
	require.NoError(t, far.Close())
	eventually(t, func() bool {
		_, err := p.Read(buf)
		return err == io.EOF
	})
	require.False(t, p.HasUnread(), "behind the end")
	p.Close()

	a, b := tcp(t)
	p = &portable{nc: a, mailbox: m, reading: true} // which is late
	p.mayRead.L = &p.mu
	require.False(t, p.HasUnread())
	_, err = b.Write([]byte("x"))
	require.NoError(t, err)
	eventually(t, p.HasUnread, "the socket says so")
}

// slowRead is a socket of which a reading goroutine has taken something, and not come back with it.
type slowRead struct {
	*net.TCPConn
	took chan int
	back chan struct{}
}

func (c *slowRead) Read(p []byte) (int, error) {
	n, err := c.TCPConn.Read(p)
	c.took <- n
	<-c.back
	return n, err
}

// What a reading goroutine has in its hands, while nothing is left in the socket, is not forgotten because that has ended.
func TestPortableHasWhatIsBeingRead(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the socket is not asked")
	}
	for name, linger := range map[string]int{"reset": 0, "closed": -1} {
		t.Run(name, func(t *testing.T) {
			near, far := tcp(t)
			c := &slowRead{near, make(chan int, 2), make(chan struct{})}
			_, m := newCollector(dispatch.New())
			p := &portable{nc: c, mailbox: m, readOn: true}
			p.mayRead.L = &p.mu
			go p.reader()
			_, err := far.Write([]byte("last"))
			require.NoError(t, err)
			require.Equal(t, 4, <-c.took)
			require.NoError(t, far.SetLinger(linger))
			require.NoError(t, far.Close())
			eventually(t, p.HasUnread)
			close(c.back)
			var got []byte
			eventually(t, func() bool {
				buf := make([]byte, 10)
				n, err := p.Read(buf)
				got = append(got, buf[:n]...)
				return err != nil && err != ErrAgain
			})
			require.Equal(t, "last", string(got))
			require.False(t, p.HasUnread())
			p.Close()
		})
	}
}
