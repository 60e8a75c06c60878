package actors

import (
	"io"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/actors/dispatch"
	"github.com/spindrift-go/spindrift/actors/transport"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A connection whose half cannot be closed, a net.Pipe for instance, is closed at once if the peer's Close has come, and after a
// second in which it is still read if not.
func TestEndsWithoutHalfClose(t *testing.T) {
	for name, test := range map[string]struct {
		end  func(p *peer)
		code frame.Code
		took time.Duration
	}{
		"the peer closes":    {func(p *peer) { p.send(masked(frame.Close(frame.Normal, ""))) }, frame.Normal, 0},
		"the handler closes": {func(p *peer) { p.tell(frame.Close(4000, "")) }, 4000, 0},
		"the peer is wrong":  {func(p *peer) { p.send("\x83\x80\x00\x00\x00\x00") }, frame.ProtocolError, readOn},
	} {
		t.Run(name, func(t *testing.T) {
			virtually(t, func(w *world) {
				h := w.handler(echo)
				p := w.link(w.plan(h))
				test.end(p)
				p.closes(test.code)
				if test.code == 4000 {
					p.send(masked(frame.Close(4000, "")))
				}
				began := time.Now()
				go func() { // what the peer still sends is read
					for {
						if _, err := io.WriteString(p.Conn, masked(frame.Text("x"))); err != nil {
							return
						}
						time.Sleep(100 * time.Millisecond)
					}
				}()
				p.eof()
				assert.Equal(w, test.took, time.Since(began).Truncate(50*time.Millisecond))
				assert.Equal(w, test.took == 0, h.closed().Clean)
			})
		})
	}
}

// A client whose half cannot be closed does not wait for its server to end either, which may wait for its client: once the Close of
// that has come it ends, else after a second.
func TestClientEndsWithoutHalfClose(t *testing.T) {
	for name, test := range map[string]struct {
		first  any // of ours
		server string
		took   time.Duration
	}{
		"the server closes":   {nil, "\x88\x00", 0},
		"the client closes":   {frame.Close(frame.Normal, ""), "\x88\x00", 0},
		"the server is wrong": {nil, "\x83\x00", readOn},
	} {
		t.Run(name, func(t *testing.T) {
			virtually(t, func(w *world) {
				h := w.handler()
				plan := w.plan(h)
				plan.Core = pipeline.Chain(pipeline.Assemble, pipeline.Closing{Client: true, Timeout: 5 * time.Second}.Stage(), pipeline.Codec{Client: true}.Stage())
				p := w.link(plan)
				if test.first != nil {
					p.tell(test.first)
				}
				began := time.Now()
				p.send(test.server)
				_, err := io.ReadAll(p.in)
				require.NoError(w, err)
				assert.Equal(w, test.took, time.Since(began))
				assert.Equal(w, test.took == 0, h.closed().Clean)
			})
		})
	}
}

// wall is a net.Conn whose deadlines do nothing and whose writes wait until it is closed.
type wall struct {
	net.Conn
	gone chan struct{}
}

func (c *wall) Write([]byte) (int, error)        { <-c.gone; return 0, net.ErrClosed }
func (c *wall) SetDeadline(time.Time) error      { return nil }
func (c *wall) SetReadDeadline(time.Time) error  { return nil }
func (c *wall) SetWriteDeadline(time.Time) error { return nil }
func (c *wall) Close() error                     { close(c.gone); return c.Conn.Close() }

// A conn without deadlines, and with a peer that never reads, is closed all the same, and nothing of it is left.
func TestConnWithoutDeadlines(t *testing.T) {
	for name, end := range map[string]func(w *world, p *peer){
		"stopped": func(w *world, p *peer) { w.system.Root.Stop(p.pid) },
		"stalled": func(w *world, p *peer) { p.tell(frame.Text("x")) },
	} {
		t.Run(name, func(t *testing.T) {
			virtually(t, func(w *world) {
				h := w.handler(func(actor.Context) {})
				near, far := net.Pipe()
				defer far.Close()
				nc := &wall{near, make(chan struct{})}
				p := w.start(w.plan(h), func(m *dispatch.Mailbox) transport.Transport { return w.rt.poller.Open(nc, m, true) })
				end(w, p)
				time.Sleep(usual.Stall + usual.Linger + 5*time.Second)
				synctest.Wait()
				require.True(w, p.ended())
				require.Error(w, h.closed().Err)
				<-nc.gone
			})
		})
	}
}

// selfAnswering is a wire that answers by itself what it reads, as TLS does, to a peer that does not read.
type selfAnswering struct {
	*fake
	waits atomic.Int64
}

func (a *selfAnswering) Read(p []byte) (int, error) {
	n, err := a.fake.Read(p)
	if n > 0 {
		a.waits.Add(100)
	}
	return n, err
}

func (a *selfAnswering) Buffered() int { return int(a.waits.Load()) }

func (a *selfAnswering) Write(p []byte) (int, error) {
	if a.waits.Load() > 0 {
		return 0, transport.ErrAgain
	}
	return a.fake.Write(p)
}

func (a *selfAnswering) Writev(head, body []byte) (int, error) {
	return transport.WriteBoth(a, head, body)
}

// What a transport answers by itself counts as output: a peer that does not take it stalls, though nothing was sent.
func TestAnswersOfTheTransportStall(t *testing.T) {
	virtually(t, func(w *world) {
		h := w.handler()
		a := &selfAnswering{fake: &fake{space: -1}}
		p := w.start(w.plan(h), func(m *dispatch.Mailbox) transport.Transport {
			a.mailbox = m
			return a
		})
		a.arrives(masked(frame.Pong(nil)))
		time.Sleep(usual.Stall / 2)
		synctest.Wait()
		require.False(w, p.ended())
		time.Sleep(2 * usual.Stall)
		synctest.Wait()
		require.True(w, p.ended())
		end := h.closed()
		require.Equal(w, frame.PolicyViolation, end.Code)
		require.ErrorContains(w, end.Err, "no progress")
	})
}
