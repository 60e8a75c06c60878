package actors

import (
	"io"
	"net"
	"sync"
	"testing"

	"github.com/spindrift-go/spindrift/actors/dispatch"
	"github.com/spindrift-go/spindrift/actors/transport"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Signals that nothing has caused do nothing.
func TestSpuriousSignals(t *testing.T) {
	everywhere(t, func(w *world) {
		h := w.handler(echo)
		p := w.link(w.plan(h))
		for _, bits := range []uint32{transport.Readable, transport.Writable, dispatch.Due, transport.Readable | transport.Writable, transport.Readable | transport.Ended} {
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
			p.conn.mailbox.Signal(transport.Readable | transport.Writable | transport.Ended | dispatch.Due)
		}
		require.True(w, h.closed().Clean)
	})
}

// Connections come and go on many goroutines, and descriptors and slots with
// them; each still talks to its own peer.
func TestPollerChurn(t *testing.T) {
	const goroutines, rounds = 8, 60
	w := newWorld(t, onPoller)
	defer w.rt.Keep()()
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
	w.eventually(func() bool { return w.rt.poller.Len() == 1 }, "who holds it, alone")
}

// The poller ends with its last user, and there is another for the next.
func TestPollerComesAndGoes(t *testing.T) {
	w := newWorld(t, onPoller)
	h := w.handler(echo)
	for range 5 {
		require.Zero(t, w.rt.poller.Len())
		p := w.link(w.plan(h))
		require.Equal(t, 1, w.rt.poller.Len())
		h.greeted()
		p.send(masked(frame.Text("hi")))
		p.text("hi")
		h.text("hi")
		p.Close()
		h.closed()
		w.eventually(p.ended, "the end")
	}
	release := w.rt.Keep()
	require.Equal(t, 1, w.rt.poller.Len())
	release()
	release()
	require.Zero(t, w.rt.poller.Len())
}

// A connection's descriptor is its own: the net.TCPConn that it came from is
// closed, and closing that again is harmless.
func TestPolledOwnsItsDescriptor(t *testing.T) {
	w := newWorld(t, onPoller)
	h := w.handler(echo)
	near, b := w.sockets()
	p := w.start(w.plan(h), func(m *dispatch.Mailbox) transport.Transport { return w.rt.poller.Open(near, m, false) })
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
