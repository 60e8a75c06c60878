package actors

import (
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spindrift-go/spindrift/actors/dispatch"
	"github.com/spindrift-go/spindrift/actors/transport"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/stretchr/testify/require"
)

// scripted is a net.Conn whose reads are given and whose writes block until the
// test lets them, or a deadline or the end comes.
type scripted struct {
	net.Conn
	reads  chan answer
	writes chan int // how many bytes may be written

	mu     sync.Mutex
	out    []byte
	closes int
	gone   chan struct{}
	late   chan struct{}
}

type answer struct {
	bytes string
	err   error
}

func newScripted() *scripted {
	return &scripted{reads: make(chan answer, 10), writes: make(chan int, 10), gone: make(chan struct{}), late: make(chan struct{})}
}

func (c *scripted) Read(p []byte) (int, error) {
	select {
	case a := <-c.reads:
		return copy(p, a.bytes), a.err
	case <-c.gone:
		return 0, net.ErrClosed
	}
}

func (c *scripted) Write(p []byte) (int, error) {
	n, err := 0, error(nil)
	select {
	case n = <-c.writes:
		if n = min(n, len(p)); n < len(p) {
			err = errors.New("cable cut")
		}
	case <-c.late:
		err = os.ErrDeadlineExceeded
	case <-c.gone:
		err = net.ErrClosed
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out = append(c.out, p[:n]...)
	return n, err
}

func (c *scripted) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closes++; c.closes == 1 {
		close(c.gone)
	}
	return nil
}

// SetDeadline is that of a write that is under way.
func (c *scripted) SetDeadline(at time.Time) error {
	time.AfterFunc(time.Until(at), func() { close(c.late) })
	return nil
}

// SetWriteDeadline interrupts no write here.
func (c *scripted) SetWriteDeadline(time.Time) error { return nil }

func (c *scripted) written() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return string(c.out)
}

func portably(t *testing.T, test func(w *world, h *handler, p *peer, nc *scripted)) {
	virtually(t, func(w *world) {
		h := w.handler(echo)
		nc := newScripted()
		p := w.start(w.plan(h), func(m *dispatch.Mailbox) transport.Transport { return w.rt.poller.Open(nc, m, true) })
		test(w, h, p, nc)
		time.Sleep(time.Minute)
		synctest.Wait()
		require.True(w, p.ended(), "the connection has not ended")
		require.Equal(w, 1, nc.closes)
	})
}

func TestPortable(t *testing.T) {
	hello, bye := masked(frame.Text("hello")), masked(frame.Close(frame.Normal, "bye"))
	ok := pipeline.Closed{Code: frame.Normal, Reason: "bye", Clean: true, By: pipeline.Peer}
	for name, reads := range map[string][]answer{
		"apart":               {{hello, nil}, {bye, nil}, {"", io.EOF}},
		"in one":              {{hello + bye, nil}, {"", io.EOF}},
		"the end with it":     {{hello, nil}, {bye, io.EOF}},
		"all with the end":    {{hello + bye, io.EOF}},
		"in pieces":           {{hello[:1], nil}, {hello[1:7], nil}, {hello[7:] + bye[:2], nil}, {bye[2:], io.EOF}},
		"reads that are none": {{"", nil}, {hello, nil}, {"", nil}, {"", nil}, {bye, nil}, {"", nil}, {"", io.EOF}},
	} {
		t.Run(name, func(t *testing.T) {
			portably(t, func(w *world, h *handler, p *peer, nc *scripted) {
				for range 10 {
					nc.writes <- 1000
				}
				for _, a := range reads {
					nc.reads <- a
				}
				require.Equal(w, ok, *h.closed())
				require.Equal(w, unmasked(frame.Text("hello"), frame.Close(frame.Normal, "")), nc.written())
			})
		})
	}
}

// More than the credit comes with the end: the end waits.
func TestPortableEndWaitsForCredit(t *testing.T) {
	portably(t, func(w *world, h *handler, p *peer, nc *scripted) {
		nc.writes <- 1 << 20
		nc.reads <- answer{strings.Repeat(masked(frame.Text("x")), 300) + masked(frame.Close(frame.Normal, "")), io.EOF}
		require.Equal(w, frame.Normal, h.closed().Code)
		require.Equal(w, 300, h.frames())
	})
}

func TestPortableReadFails(t *testing.T) {
	cut := errors.New("cable cut")
	for name, reads := range map[string][]answer{
		"apart":    {{masked(frame.Text("hello")), nil}, {"", cut}},
		"together": {{masked(frame.Text("hello")), cut}},
	} {
		t.Run(name, func(t *testing.T) {
			portably(t, func(w *world, h *handler, p *peer, nc *scripted) {
				for _, a := range reads {
					nc.reads <- a
				}
				h.greeted()
				h.text("hello")
				require.ErrorIs(w, h.closed().Err, cut)
			})
		})
	}
}

func TestPortableWriteFails(t *testing.T) {
	portably(t, func(w *world, h *handler, p *peer, nc *scripted) {
		nc.writes <- 3
		p.tell(frame.Text("hello"))
		require.EqualError(w, h.closed().Err, "cable cut")
		require.Equal(w, "\x81\x05h", nc.written())
	})
}

// One write is under way at a time, of what has gathered meanwhile.
func TestPortableWritesInOrder(t *testing.T) {
	portably(t, func(w *world, h *handler, p *peer, nc *scripted) {
		var want string
		for i := range 9 {
			f := sized(1000 * (i + 1))
			want += unmasked(f)
			p.tell(f)
			synctest.Wait()
		}
		require.Empty(w, nc.written())
		for range 10 {
			nc.writes <- 1 << 20
		}
		synctest.Wait()
		require.True(w, want == nc.written())
		nc.reads <- answer{masked(frame.Close(frame.Normal, "")), io.EOF}
		h.closed()
	})
}

// A write that is under way when the connection ends has a moment, for it may be
// the Close; a peer that takes nothing does not keep it for longer.
func TestPortableParts(t *testing.T) {
	for name, takes := range map[string]bool{"peer reads": true, "peer does not": false} {
		t.Run(name, func(t *testing.T) {
			portably(t, func(w *world, h *handler, p *peer, nc *scripted) {
				synctest.Wait()
				w.system.Root.Stop(p.pid)
				synctest.Wait()
				require.True(w, p.ended())
				want := ""
				if takes {
					nc.writes <- 1000
					want = unmasked(frame.Close(frame.GoingAway, ""))
				}
				time.Sleep(time.Second)
				synctest.Wait()
				require.Equal(w, want, nc.written())
				require.ErrorIs(w, h.closed().Err, ErrStopped)
			})
		})
	}
}

// What the wire has taken and could not write yet counts as waiting, for the
// limit and for Backpressure: a peer that does not read costs what it may.
func TestPortableKeepsToTheLimit(t *testing.T) {
	virtually(t, func(w *world) {
		h := w.handler()
		nc := newScripted()
		plan := w.plan(h)
		plan.Limits.Out, plan.Limits.Burst, plan.Limits.High = 32<<10, 32<<10, 8<<10
		p := w.start(plan, func(m *dispatch.Mailbox) transport.Transport { return w.rt.poller.Open(nc, m, true) })
		h.greeted()
		var held, kept int
		for range 7 {
			p.tell(sized(1 << 10))
			synctest.Wait()
		}
		require.Zero(w, told[*pipeline.Backpressure](h))
		for range 100 {
			p.tell(sized(1 << 10))
			synctest.Wait()
		}
		require.Greater(w, expect[*pipeline.Backpressure](h).Waiting, 8<<10)
		p.look(func(s *stream) { held, kept = s.out.waiting()+s.transport.Buffered(), s.transport.Buffered() })
		require.LessOrEqual(w, held, 33<<10)
		require.Greater(w, kept, 7<<10)
		for range 4 {
			nc.writes <- 1 << 20
		}
		synctest.Wait()
		require.Less(w, len(nc.written()), 33<<10)
		require.True(w, strings.HasSuffix(nc.written(), unmasked(frame.Close(frame.PolicyViolation, "slow consumer"))))
		nc.reads <- answer{"", io.EOF}
		require.Equal(w, frame.PolicyViolation, h.closed().Code)
	})
}

// A peer that takes a large write slowly has not stalled.
func TestPortableIsSlow(t *testing.T) {
	portably(t, func(w *world, h *handler, p *peer, nc *scripted) {
		large := unmasked(sized(200 << 10))
		p.tell(sized(200 << 10))
		for len(nc.written()) < len(large) {
			time.Sleep(usual.Stall * 9 / 10)
			nc.writes <- 16 << 10
			synctest.Wait()
		}
		require.True(w, large == nc.written())
		time.Sleep(time.Minute)
		require.False(w, p.ended(), "nothing waits")
		nc.writes <- 100
		nc.reads <- answer{masked(frame.Close(frame.Normal, "")), io.EOF}
		require.Equal(w, frame.Normal, h.closed().Code)
	})
}
