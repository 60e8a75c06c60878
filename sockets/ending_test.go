package sockets

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/actors"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// soon is a time that a test waits for, because it must pass.
const soon = 30 * time.Millisecond

// ending is a way in which a connection ends.
type ending struct {
	name string
	terms
	play func(l *link) // all that happens on the wire
	want Closed        // but for Err
	err  error         // what Err is; nil: nothing
	much bool          // is sent: with -short not over TLS, where that takes longest
}

// failure is an ending by a mistake of the peer's.
func failure(name string, code frame.Code, reason string, o Options, send func(l *link) string) ending {
	return ending{
		name:  name,
		terms: terms{options: o},
		play: func(l *link) {
			l.send(send(l))
			require.Equal(l, reason, l.closes(code))
			l.part()
		},
		want: Closed{Code: code, Reason: reason, By: Local},
		err:  frame.Failure(code, reason),
	}
}

// closeIsSent holds a token when a handler's Close has come to its connection.
var closeIsSent = make(chan struct{}, 1)

var endings = []ending{
	{
		name: "peer closes",
		play: func(l *link) {
			l.write(frame.Close(frame.Normal, "bye"))
			require.Empty(l, l.closes(frame.Normal))
			l.part()
		},
		want: Closed{Code: frame.Normal, Reason: "bye", Clean: true, By: Peer},
	},
	{
		name: "peer closes without a status",
		play: func(l *link) {
			l.write(frame.Close(frame.NoStatus, ""))
			require.Empty(l, l.frame().Payload)
			l.part()
		},
		want: Closed{Code: frame.NoStatus, Clean: true, By: Peer},
	},
	{
		name: "peer closes with a code of its own, and talks on",
		play: func(l *link) {
			l.write(frame.Close(4999, "€"), frame.Text("more"), frame.Close(frame.Normal, ""))
			l.closes(4999)
			l.part()
		},
		want: Closed{Code: 4999, Reason: "€", Clean: true, By: Peer},
	},
	{
		name: "handler closes",
		play: func(l *link) {
			l.tell(frame.Close(4000, "enough"))
			l.tell(frame.Text("not sent"))
			require.Equal(l, "enough", l.closes(4000))
			l.write(frame.Close(4000, ""))
			l.part()
		},
		want: Closed{Code: 4000, Reason: "enough", Clean: true, By: Local},
	},
	{
		name: "handler leaves",
		play: func(l *link) {
			l.tell(&Leave{})
			l.closes(frame.GoingAway)
			l.write(frame.Close(frame.Normal, "ok"))
			l.part()
		},
		want: Closed{Code: frame.GoingAway, Clean: true, By: Local},
	},
	{
		name: "handler fails the connection",
		play: func(l *link) {
			l.tell(frame.Failure(4001, "not you"))
			require.Equal(l, "not you", l.closes(4001))
			l.part()
		},
		want: Closed{Code: 4001, Reason: "not you", By: Local},
		err:  frame.Failure(4001, "not you"),
	},
	{
		name: "handler sends a Close that may not be sent",
		play: func(l *link) {
			l.tell(&frame.Frame{Header: frame.Header{Fin: true, Opcode: frame.OpClose}, Payload: []byte{0x03, 0xee}})
			l.closes(frame.InternalError)
			l.part()
		},
		want: Closed{Code: frame.InternalError, Reason: "this side sent a bad close frame: close code 1006 may not be sent", By: Local},
		err:  frame.Failure(frame.InternalError, "this side sent a bad close frame: close code 1006 may not be sent"),
	},
	failure("reserved opcode", frame.ProtocolError, "reserved opcode", Options{},
		func(l *link) string { return l.raw(0x83, 0) }),
	failure("reserved bit", frame.ProtocolError, "reserved bit set", Options{},
		func(l *link) string { return l.raw(0xc1, 0) }),
	failure("fragmented ping", frame.ProtocolError, "fragmented control frame", Options{},
		func(l *link) string { return l.raw(0x09, 0) }),
	failure("continuation of nothing", frame.ProtocolError, "continuation of nothing", Options{},
		func(l *link) string { return l.raw(0x80, 0) }),
	failure("the other role's masks", frame.ProtocolError, "", Options{}, nil),
	failure("close code that may not be sent", frame.ProtocolError, "close code 1005 may not be sent", Options{},
		func(l *link) string { return l.raw(0x88, 2) + "\x03\xed" }),
	failure("not UTF-8", frame.InvalidPayload, "text is not UTF-8", Options{},
		func(l *link) string { return l.raw(0x81, 100) + "\xc0" }),
	failure("close reason that is not UTF-8", frame.InvalidPayload, "close reason is not UTF-8", Options{},
		func(l *link) string { return l.raw(0x88, 3) + "\x03\xe8\xff" }),
	failure("frame over the limit", frame.TooBig, "frame over the limit", Options{MaxFrame: 10},
		func(l *link) string { return l.raw(0x82, 11) }),
	failure("message over the limit", frame.TooBig, "message over the limit", Options{MaxMessage: 10},
		func(l *link) string { return l.raw(0x02, 6) + "sixsix" + l.raw(0x80, 5) }),
	failure("too many fragments", frame.PolicyViolation, "too many fragments", Options{MaxFragments: 2},
		func(l *link) string { return l.raw(0x02, 0) + l.raw(0x00, 0) + l.raw(0x00, 0) }),
	failure("too many pings", frame.PolicyViolation, "too many control frames", Options{ControlRate: 1, NoAutoPong: true},
		func(l *link) string { return strings.Repeat(l.raw(0x89, 0), 10) }),
	failure("unfinished message", frame.PolicyViolation, "message not finished in time", Options{MessageTime: soon},
		func(l *link) string { return l.raw(0x01, 5) + "he" }),
	failure("silence", frame.InternalError, "no answer to ping", Options{PingInterval: soon, PingTimeout: soon}, nil),
	{
		name: "peer resets",
		play: func(l *link) { l.reset() },
		want: Closed{Code: frame.Abnormal, By: Nobody},
		err:  syscall.ECONNRESET,
	},
	{
		name: "peer ends without a Close",
		play: func(l *link) {
			l.half()
			l.eof()
		},
		want: Closed{Code: frame.Abnormal, By: Nobody},
		err:  io.ErrUnexpectedEOF,
	},
	{
		name: "peer ends in the middle of a frame",
		play: func(l *link) {
			l.send(l.raw(0x81, 5), "he")
			l.half()
			l.eof()
		},
		want: Closed{Code: frame.Abnormal, By: Nobody},
		err:  io.ErrUnexpectedEOF,
	},
	{
		name:  "peer does not answer a Close",
		terms: terms{options: Options{CloseTimeout: soon}},
		play: func(l *link) {
			l.tell(frame.Close(frame.Normal, "bye"))
			l.closes(frame.Normal)
			l.eof()
		},
		want: Closed{Code: frame.Normal, Reason: "bye", By: Local},
		err:  pipeline.ErrCloseTimeout,
	},
	{
		name:  "peer is in the middle of a frame of 2^40 bytes and does not answer a Close",
		terms: terms{options: Options{CloseTimeout: soon, MaxFrame: -1, MaxMessage: -1}},
		play: func(l *link) {
			l.send(l.raw(0x82, 127)[:2], "\x00\x00\x01\x00\x00\x00\x00\x00", l.raw(0x82, 127)[2:], "some of it")
			l.tell(frame.Close(frame.Normal, ""))
			l.closes(frame.Normal)
			io.Copy(io.Discard, l.in) // cut, with more than that unread perhaps
		},
		want: Closed{Code: frame.Normal, By: Local},
		err:  pipeline.ErrCloseTimeout,
	},
	{
		name:  "peer has closed and stays",
		terms: terms{options: Options{CloseTimeout: soon}},
		play: func(l *link) {
			l.write(frame.Close(frame.Normal, ""))
			l.closes(frame.Normal)
			l.eof()
		},
		want: Closed{Code: frame.Normal, Clean: true, By: Peer},
	},
	{
		name: "handler closes behind much, and the peer half-closes before it has read that",
		terms: terms{options: Options{MaxOut: -1}, stages: []pipeline.Stage{pipeline.Tap(nil, func(item any) {
			if f, ok := item.(*frame.Frame); ok && f.Opcode == frame.OpClose {
				closeIsSent <- struct{}{}
			}
		})}},
		play: func(l *link) {
			const size = 8 << 20 // more than the kernel takes
			require.NoError(l, l.tcp.SetReadBuffer(256<<10))
			l.tell(frame.Binary(make([]byte, size)))
			l.tell(frame.Close(frame.Normal, "bye"))
			<-closeIsSent
			l.half()
			require.Len(l, l.frame().Payload, size)
			require.Equal(l, "bye", l.closes(frame.Normal))
			l.eof()
		},
		want: Closed{Code: frame.Normal, Reason: "bye", By: Local},
		err:  io.ErrUnexpectedEOF,
		much: true,
	},
	{
		name: "handler cuts",
		play: func(l *link) {
			l.tell(&Cut{})
			l.tell(frame.Text("not sent"))
			l.eof()
		},
		want: Closed{Code: frame.Abnormal, By: Local},
		err:  ErrCut,
	},
	{
		name: "handler closes, and cuts before the answer comes",
		play: func(l *link) {
			l.tell(frame.Close(frame.Normal, "bye"))
			l.closes(frame.Normal)
			l.tell(&Cut{})
			l.eof()
		},
		want: Closed{Code: frame.Normal, Reason: "bye", By: Local},
		err:  ErrCut,
	},
	{
		name:  "handler cuts a peer that does not read",
		terms: terms{options: Options{MaxOut: -1}},
		play: func(l *link) {
			for range 16 { // more than the kernel takes
				l.tell(frame.Binary(make([]byte, 1<<20)))
			}
			l.tell(&Cut{})
			awaitClosed(l)
		},
		want: Closed{Code: frame.Abnormal, By: Local},
		err:  ErrCut,
		much: true,
	},
	{
		name: "connection is stopped",
		play: func(l *link) {
			l.system.Root.Stop(l.conn)
			l.closes(frame.GoingAway)
			l.eof()
		},
		want: Closed{Code: frame.GoingAway, By: Local},
		err:  actors.ErrStopped,
	},
	{
		name: "connection is poisoned",
		play: func(l *link) {
			l.tell(frame.Text("before"))
			l.system.Root.Poison(l.conn)
			require.Equal(l, "before", l.frame().String())
			l.closes(frame.GoingAway)
			l.eof()
		},
		want: Closed{Code: frame.GoingAway, By: Local},
		err:  actors.ErrStopped,
	},
	{
		name:  "stage panics on the way up",
		terms: terms{stages: []pipeline.Stage{panics(true)}},
		play: func(l *link) {
			l.write(frame.Text("panic"))
			l.closes(frame.InternalError)
			l.part()
		},
		want: Closed{Code: frame.InternalError, Reason: "handler failed", By: Local},
		err:  errPanic,
	},
	{
		name:  "stage panics on the way down",
		terms: terms{stages: []pipeline.Stage{panics(false)}},
		play: func(l *link) {
			l.tell(frame.Text("panic"))
			l.closes(frame.InternalError)
			l.part()
		},
		want: Closed{Code: frame.InternalError, Reason: "handler failed", By: Local},
		err:  errPanic,
	},
	{
		name: "stage panics on everything",
		terms: terms{stages: []pipeline.Stage{func(up, down pipeline.Sink) (pipeline.Sink, pipeline.Sink) {
			return func(item any) {
				switch item.(type) {
				case *pipeline.Start, *Upgraded, *pipeline.Written: // or it would end before anything is said
					up(item)
				default:
					panic("panic")
				}
			}, down
		}}},
		play: func(l *link) {
			l.write(frame.Text("panic"))
			l.closes(frame.InternalError)
			l.part()
		},
		want: Closed{Code: frame.InternalError, Reason: "handler failed", By: Local},
		err:  errPanic,
	},
	{
		name:  "peer does not read, and output piles up",
		terms: terms{options: Options{MaxOut: 1 << 10, MaxBurst: 1 << 10, CloseTimeout: soon}},
		play: func(l *link) {
			for range 16 { // more than the kernel takes
				l.tell(frame.Binary(make([]byte, 1<<20)))
			}
			awaitClosed(l)
		},
		want: Closed{Code: frame.PolicyViolation, Reason: "slow consumer", By: Local},
		err:  pipeline.ErrSlowConsumer,
	},
	{
		name:  "peer does not read, and time passes",
		terms: terms{options: Options{MaxOut: -1, WriteStall: soon}},
		play: func(l *link) {
			for range 16 { // more than the kernel takes
				l.tell(frame.Binary(make([]byte, 1<<20)))
			}
			awaitClosed(l)
		},
		want: Closed{Code: frame.PolicyViolation, Reason: "no progress in writing", By: Local},
		err:  pipeline.ErrSlowConsumer,
		much: true,
	},
}

var errPanic = errors.New("panic: panic")

// panics is a stage that does so when it sees a text with that in it.
func panics(up bool) pipeline.Stage {
	look := func(item any) {
		if f, ok := item.(*frame.Frame); ok && f.String() == "panic" {
			panic("panic")
		}
	}
	if up {
		return pipeline.Tap(look, nil)
	}
	return pipeline.Tap(nil, look)
}

// awaitClosed waits until the handler's last word has been said.
func awaitClosed(l *link) {
	require.True(l, until(func() bool {
		l.h.mu.Lock()
		defer l.h.mu.Unlock()
		_, ok := l.h.all[len(l.h.all)-1].message.(*Closed)
		return ok
	}))
}

// TestEndings: exactly one Closed, with the right content, always last.
func TestEndings(t *testing.T) {
	bothRoles(t, func(w *world, ours role) {
		for _, e := range endings {
			if e.much && w.tls && testing.Short() {
				continue
			}
			w.in(e.name, func(w *world) {
				e := e
				switch e.name {
				case "the other role's masks":
					other := &link{ours: asClient}
					reason := "unmasked frame from a client"
					if ours == asClient {
						other.ours, reason = asServer, "masked frame from a server"
					}
					e = failure(e.name, frame.ProtocolError, reason, Options{}, func(*link) string { return other.encode(frame.Text("x")) })
				case "silence":
					e.play = func(l *link) {
						require.Equal(l, frame.OpPing, l.frame().Opcode)
						l.closes(frame.InternalError)
						l.part()
					}
				}
				h := w.handler()
				l := w.connect(ours, h, e.terms)
				e.play(l)
				got := h.untilClosed()
				want := e.want
				want.Err = got.Err
				assert.Equal(w, &want, got)
				switch {
				case e.err == nil:
					assert.NoError(w, got.Err)
				case e.err == errPanic:
					assert.ErrorContains(w, got.Err, "panic")
				case errors.Is(got.Err, e.err):
				default:
					assert.Equal(w, e.err, got.Err)
				}
			})
		}
	})
}

// A peer that reads slowly what was sent before our Close has CloseTimeout for its answer
// when it has come to that, and not for all of it.
func TestCloseBehindMuchOutput(t *testing.T) {
	w := newWorld(t, bare)
	for _, ours := range []role{asServer, asClient} {
		h := w.handler()
		l := w.connect(ours, h, terms{options: Options{MaxOut: -1, CloseTimeout: 500 * time.Millisecond}})
		size, pause := 48<<20, 40*time.Millisecond
		if testing.Short() {
			size, pause = 32<<20, 30*time.Millisecond
		}
		l.tell(frame.Binary(make([]byte, size)))
		l.tell(frame.Close(frame.Normal, "bye"))
		for range size >> 20 {
			_, err := io.CopyN(io.Discard, l.in, 1<<20)
			require.NoError(t, err)
			time.Sleep(pause) // that is how slow it is
		}
		rest := make([]byte, frame.MaxHeader)
		n := len(frame.AppendHeader(nil, frame.Header{Masked: ours == asClient, Length: int64(size)}))
		_, err := io.ReadFull(l.in, rest[:n])
		require.NoError(t, err)
		require.Equal(t, "bye", l.closes(frame.Normal))
		l.write(frame.Close(frame.Normal, ""))
		assert.Equal(t, &Closed{Code: frame.Normal, Reason: "bye", Clean: true, By: Local}, h.untilClosed())
		l.Close()
	}
}

// A handler that ends takes its connection with it, which says so to the peer.
func TestHandlerDies(t *testing.T) {
	stop := func(ctx actor.Context) {
		if _, ok := ctx.Message().(*frame.Frame); ok {
			ctx.Respond(frame.Text("last words"))
			ctx.Stop(ctx.Self())
		}
	}
	fail := func(ctx actor.Context) {
		if _, ok := ctx.Message().(*frame.Frame); ok {
			ctx.Respond(frame.Text("last words"))
			panic("on purpose")
		}
	}
	bothRoles(t, func(w *world, ours role) {
		for _, tt := range []struct {
			name string
			h    *handler
		}{
			{"stops", w.handler(stop)},
			{"spawned, stops", w.spawned(stop)},
			{"spawned, panics", w.spawned(fail)},
		} {
			w.in(tt.name, func(w *world) {
				tt.h.mortal = true
				l := w.connect(ours, tt.h, terms{})
				l.write(frame.Text("die"))
				require.Equal(w, "last words", l.frame().String())
				l.closes(frame.InternalError)
				l.part()
			})
		}
	})
}

// A handler that is not there is one that has died.
func TestHandlerThatDoesNotExist(t *testing.T) {
	everywhere(t, func(w *world) {
		p := w.upgrade(w.websocket(&UpgradeServer{FrameHandler: w.system.NewLocalPID("nobody")}))
		p.closes(frame.InternalError)
		p.eof()
		p.Close()
	})
}

// A shared handler that panics is restarted by its own supervisor, and its
// connections live on.
func TestSharedHandlerPanics(t *testing.T) {
	w := newWorld(t, bare)
	h := w.handler(func(ctx actor.Context) {
		if f, ok := ctx.Message().(*frame.Frame); ok {
			if f.String() == "panic" {
				panic("on purpose")
			}
			ctx.Respond(f)
		}
	})
	l := w.connect(asServer, h, terms{})
	l.write(frame.Text("panic"), frame.Text("still here"))
	require.Equal(t, "still here", l.frame().String())
	l.Close()
	h.text("panic")
	for { // it is told of its connection again, before that or after
		if f, ok := h.next().message.(*frame.Frame); ok {
			assert.Equal(t, "still here", f.String())
			break
		}
	}
	h.untilClosed()
}

// The handler has answered what came before the peer's Close when that is
// answered, and whoever asked for a Flush is told.
func TestAnswersGoOutBeforeTheClose(t *testing.T) {
	bothRoles(t, func(w *world, ours role) {
		h := w.handler(echo)
		l := w.connect(ours, h, terms{})
		const n = 500 // more than there is credit for
		var all []*frame.Frame
		for range n {
			all = append(all, frame.Text("x"))
		}
		l.write(append(all, frame.Close(frame.Normal, ""))...)
		for range n {
			require.Equal(w, "x", l.frame().String())
		}
		l.closes(frame.Normal)
		l.part()
		for range n {
			h.text("x")
		}
		expect[*Closed](h)
	})
}

func TestShutdown(t *testing.T) {
	everywhere(t, func(w *world) {
		h := w.handler()
		s := &Server{Server: quiet(w.upgrading(&UpgradeServer{FrameHandler: h.pid})), System: w.system}
		addr := w.run(s)
		var peers []*peer
		for range 5 {
			peers = append(peers, w.upgrade(addr))
		}
		for range peers {
			h.upgraded()
		}
		require.Equal(w, 5, s.Connections())
		s.Drain = DrainOptions{Code: frame.ServiceRestart, Reason: "back soon", Batch: 2, Every: time.Millisecond}
		type outcome struct {
			DrainResult
			error
		}
		done := make(chan outcome, 1)
		go func() {
			d, err := s.ShutdownResult(w.Context())
			done <- outcome{d, err}
		}()
		for _, p := range peers {
			require.Equal(w, "back soon", p.closes(frame.ServiceRestart))
			p.send(masked(frame.Close(frame.ServiceRestart, "")))
			p.eof()
			p.Close()
		}
		assert.Equal(w, outcome{DrainResult{Asked: 5}, nil}, <-done)
		for range peers {
			assert.Equal(w, &Closed{Code: frame.ServiceRestart, Reason: "back soon", Clean: true, By: Local}, expect[*Closed](h))
		}
		assert.Zero(w, s.Connections())
	})
}

// Connections whose peers do not care are cut when the time is up, and have
// their Closed as well.
func TestShutdownCuts(t *testing.T) {
	everywhere(t, func(w *world) {
		h := w.handler()
		s := &Server{Server: quiet(w.upgrading(&UpgradeServer{FrameHandler: h.pid})), System: w.system}
		p := w.upgrade(w.run(s))
		h.upgraded()
		ctx, cancel := context.WithTimeout(w.Context(), soon)
		defer cancel()
		d, err := s.ShutdownResult(ctx)
		assert.Equal(w, DrainResult{Asked: 1, Cut: 1}, d)
		assert.ErrorIs(w, err, context.DeadlineExceeded)
		p.closes(frame.GoingAway)
		p.eof()
		c := expect[*Closed](h)
		assert.Equal(w, actors.ErrStopped, c.Err)
		assert.Equal(w, frame.GoingAway, c.Code)
	})
}

// Shutdown and Close, at once and twice, all end.
func TestShutdownTwice(t *testing.T) {
	w := newWorld(t, bare)
	h := w.handler()
	s := &Server{Server: quiet(w.upgrading(&UpgradeServer{FrameHandler: h.pid})), System: w.system}
	p := w.upgrade(w.run(s))
	h.upgraded()
	done := make(chan error, 2)
	for range 2 {
		go func() { done <- s.Shutdown(w.Context()) }()
	}
	p.closes(frame.GoingAway)
	for _, finish := range []func(){func() {}, func() { s.Close() }} {
		finish()
	}
	for range 2 {
		select {
		case err := <-done:
			assert.NoError(t, err)
		case <-time.After(testTimeout):
			require.Fail(t, "Shutdown does not end")
		}
	}
	expect[*Closed](h)
}

// An upgrade that is under way when Shutdown begins is part of it.
func TestShutdownWaitsForTheLate(t *testing.T) {
	w := newWorld(t, bare)
	h := w.handler()
	asked, proceed := make(chan struct{}), make(chan struct{})
	upgrading := w.upgrading(&UpgradeServer{FrameHandler: h.pid})
	s := &Server{System: w.system, Server: quiet(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		close(asked)
		<-proceed
		upgrading.ServeHTTP(rw, r)
	}))}
	addr := w.run(s)
	p := w.dial(addr)
	p.send(handshake(addr))
	<-asked
	done := make(chan error, 1)
	go func() { done <- s.Shutdown(w.Context()) }()
	_, err := w.dialUntilRefused(addr)
	require.Error(t, err) // it has begun
	close(proceed)
	p.bytes(switched())
	p.closes(frame.GoingAway)
	select {
	case <-done:
		assert.Fail(t, "Shutdown has not waited")
	default:
	}
	p.send(masked(frame.Close(frame.GoingAway, "")))
	p.eof()
	p.Close()
	assert.NoError(t, <-done)
	h.upgraded()
	expect[*Closed](h)
}

// A Handler under a server that knows nothing of it can be shut down by itself.
func TestHandlerShutdown(t *testing.T) {
	w := newWorld(t, bare)
	h := w.handler()
	terms := w.terms(&UpgradeServer{FrameHandler: h.pid})
	route := &Handler{System: w.system, FrameHandler: h.pid, Options: terms.Options}
	s := quiet(route)
	p := w.upgrade(w.run(&s))
	h.upgraded()
	done := make(chan DrainResult, 1)
	go func() {
		d, _ := route.ShutdownResult(w.Context())
		done <- d
	}()
	p.closes(frame.GoingAway)
	p.send(masked(frame.Close(frame.GoingAway, "")))
	p.eof()
	p.Close()
	assert.Equal(t, DrainResult{Asked: 1}, <-done)
	expect[*Closed](h)
}

// What Closed says can be handed on as it is: by a bridge, in either role.
func TestClosedCanBeHandedOn(t *testing.T) {
	bothRoles(t, func(w *world, ours role) {
		for _, code := range []frame.Code{frame.NoStatus, frame.Abnormal, frame.Normal, 4000} {
			l := w.connect(ours, w.handler(), terms{})
			l.tell(frame.Close(code, ""))
			got, _ := l.frame().CloseStatus()
			require.Equal(w, code.Sendable(), got)
			l.write(frame.Close(frame.Normal, ""))
			l.Close()
			require.Equal(w, code.Sendable(), l.h.untilClosed().Code)
		}
	})
}

// A server may be told to drain with any code.
func TestShutdownWithAnyCode(t *testing.T) {
	w := newWorld(t, bare)
	for _, code := range []frame.Code{frame.NoStatus, frame.Abnormal, 65535} {
		h := w.handler()
		s := &Server{Server: quiet(w.upgrading(&UpgradeServer{FrameHandler: h.pid})), System: w.system, Drain: DrainOptions{Code: code}}
		p := w.upgrade(w.run(s))
		h.upgraded()
		done := make(chan error, 1)
		go func() { done <- s.Shutdown(w.Context()) }()
		got, _ := p.frame().CloseStatus()
		require.Equal(w, code.Sendable(), got)
		p.send(masked(frame.Close(frame.Normal, "")))
		p.eof()
		p.Close()
		require.NoError(w, <-done)
		expect[*Closed](h)
	}
}
