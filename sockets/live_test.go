package sockets

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// prefix is a stage that puts s in front of texts, both ways.
func prefix(s string) pipeline.Stage {
	mark := func(next pipeline.Sink) pipeline.Sink {
		return func(item any) {
			if f, ok := item.(*frame.Frame); ok && f.Opcode == frame.OpText {
				item = frame.Text(s + f.String())
			}
			next(item)
		}
	}
	return func(up, down pipeline.Sink) (pipeline.Sink, pipeline.Sink) { return mark(up), mark(down) }
}

// pong requires that a Ping is answered: nothing in front of it is lost.
func (l *link) pong(payload string) {
	l.Helper()
	l.write(frame.Ping([]byte(payload)))
	f := l.frame()
	require.Equal(l, "pong "+payload, f.Opcode.String()+" "+f.String())
}

func TestSetStages(t *testing.T) {
	bothRoles(t, func(w *world, ours role) {
		h := w.handler()
		l := w.connect(ours, h, terms{stages: []pipeline.Stage{prefix("a")}})
		l.write(frame.Text("1"))
		h.text("a1")
		l.tell(&SetStages{[]pipeline.Stage{prefix("b"), prefix("c")}})
		l.tell(frame.Text("2"))
		require.Equal(w, "cb2", l.frame().String())
		l.write(frame.Text("3"))
		h.text("bc3")
		l.pong("b")
		// In the middle of a message, which was begun below them.
		l.write(frame.Fragment(frame.OpText, false, []byte("4")))
		l.tell(&SetStages{})
		l.tell(frame.Text("5"))
		require.Equal(w, "5", l.frame().String())
		l.write(frame.Fragment(frame.OpContinuation, true, []byte("6")))
		h.text("46")
		l.pong("none")
		l.Close()
		expect[*Closed](h)
	})
}

// Extra stages are below AutoPong and never in its place, whatever they do.
func TestStagesDoNotRemoveAutoPong(t *testing.T) {
	everywhere(t, func(w *world) {
		h := w.handler()
		l := w.connect(asServer, h, terms{stages: []pipeline.Stage{
			pipeline.AutoPing{}.Stage(),
			prefix(""),
			pipeline.Tap(nil, nil),
		}})
		l.pong("x")
		l.Close()
		expect[*Closed](h)
	})
}

// SetStages changes the extra stages and nothing else: what Options and SetOptions have asked
// of AutoPong and AutoPing stays.
func TestSetStagesKeepsOptions(t *testing.T) {
	bothRoles(t, func(w *world, ours role) {
		h := w.handler()
		l := w.connect(ours, h, terms{options: Options{NoAutoPong: true, PingInterval: -1, PingPayload: func() []byte { return []byte("ours") }}})
		l.tell(&SetStages{[]pipeline.Stage{prefix("a")}})
		l.tell(frame.Text("1"))
		require.Equal(w, "a1", l.frame().String(), "nothing was sent before: it answers no Ping, and sends none")
		l.write(frame.Ping([]byte("x")))
		assert.Equal(w, frame.OpPing, expect[*frame.Frame](h).Opcode, "the handler's to answer")
		l.tell(&SetOptions{PingInterval: soon, PingTimeout: -1})
		l.tell(&SetStages{})
		for range 2 {
			f := l.frame()
			require.Equal(w, "ping ours", f.Opcode.String()+" "+f.String())
		}
		l.tell(&SetOptions{PingInterval: -1})
		l.Close()
		h.untilClosed()
	})
}

// A nil message changes nothing, and is told like one that nobody knows.
func TestChangeOfNothing(t *testing.T) {
	w := newWorld(t, bare)
	h := w.handler()
	l := w.connect(asServer, h, terms{})
	unknown := make(chan any, 2)
	s := w.system.EventStream.Subscribe(func(e any) {
		if d, ok := e.(*actor.DeadLetterEvent); ok {
			unknown <- d.Message
		}
	})
	defer w.system.EventStream.Unsubscribe(s)
	l.tell((*SetOptions)(nil))
	l.tell((*SetStages)(nil))
	assert.Equal(t, (*SetOptions)(nil), <-unknown)
	assert.Equal(t, (*SetStages)(nil), <-unknown)
	l.pong("x")
	l.Close()
	expect[*Closed](h)
}

func TestSetOptions(t *testing.T) {
	bothRoles(t, func(w *world, ours role) {
		h := w.handler(echo)
		l := w.connect(ours, h, terms{options: Options{MaxMessage: 8, MaxFrame: 8, ReportRTT: true}})
		l.write(frame.Text("12345678"))
		require.Equal(w, "12345678", l.frame().String())
		h.text("12345678")
		long := strings.Repeat("x", 100_000)
		l.tell((&SetOptions{MaxMessage: -1, MaxFrame: 1 << 20}))
		l.tell(frame.Text("set"))
		require.Equal(w, "set", l.frame().String())
		l.write(frame.Text(long))
		require.Equal(w, long, l.frame().String())
		h.text(long)
		l.tell((&SetOptions{PingInterval: soon, PingTimeout: 10 * soon}))
		for range 2 {
			f := l.frame()
			require.Equal(w, frame.OpPing, f.Opcode)
			l.write(frame.Pong(f.Payload))
			expect[*RoundTripTime](h)
		}
		l.tell((&SetOptions{PingInterval: -1, MaxMessage: 4}))
		l.tell(frame.Close(frame.Normal, ""))
		for f := l.frame(); f.Opcode != frame.OpClose; f = l.frame() {
			require.Equal(w, frame.OpPing, f.Opcode)
		}
		l.Close()
		h.untilClosed()
	})
}

// Flush is answered when all that was sent before has gone to the socket.
func TestFlush(t *testing.T) {
	sampled(t, func(w *world) {
		h := w.handler()
		l := w.connect(asServer, h, terms{options: Options{MaxOut: -1}})
		require.NoError(w, l.tcp.SetReadBuffer(256<<10))
		const n = 8
		for range n {
			l.tell(frame.Binary(make([]byte, 1<<20)))
		}
		flushed := w.system.Root.RequestFuture(l.conn, &Flush{}, testTimeout)
		assert.Empty(w, w.registered(flushed), "before anybody has read")
		for range n {
			require.Len(w, l.frame().Payload, 1<<20)
		}
		result, err := flushed.Result()
		require.NoError(w, err)
		assert.Equal(w, &Flushed{}, result)
		again := w.ask(l.conn, &Flush{})
		assert.Equal(w, &Flushed{}, again, "nothing waits")

		// The connection ends first.
		for range n {
			l.tell(frame.Binary(make([]byte, 1<<20)))
		}
		flushed = w.system.Root.RequestFuture(l.conn, &Flush{}, testTimeout)
		l.frame()
		l.reset()
		h.untilClosed()
		result, err = flushed.Result()
		require.NoError(w, err)
		assert.Error(w, result.(*Flushed).Err)
	})
}

// registered is what there is to say of a future that has been answered already.
func (w *world) registered(f *actor.Future) string {
	if _, ok := w.system.ProcessRegistry.GetLocal(f.PID().Id); ok {
		return ""
	}
	return "answered"
}

// One frame goes to many connections, and is not changed by it.
func TestBroadcast(t *testing.T) {
	everywhere(t, func(w *world) {
		h := w.handler()
		var links []*link
		for i := range 20 {
			ours := asServer
			if i%2 == 1 { // a client masks its own copy
				ours = asClient
			}
			links = append(links, w.connect(ours, h, terms{}))
		}
		news := frame.Text(strings.Repeat("news ", 1000))
		want := news.Header
		payload := bytes.Clone(news.Payload)
		for _, l := range links {
			l.tell(news)
		}
		for _, l := range links {
			require.Equal(w, string(payload), l.frame().String())
		}
		assert.Equal(w, want, news.Header)
		assert.Equal(w, payload, news.Payload)
		for _, l := range links {
			l.Close()
			expect[*Closed](h)
		}
	})
}

// A compressed broadcast is the same for all who have come in by one Handler.
func TestBroadcastCompressed(t *testing.T) {
	everywhere(t, func(w *world) {
		h := w.handler()
		addr := w.dropIn(w.foreign(&UpgradeServer{FrameHandler: h.pid, Options: &Options{Compression: new(pipeline.Compression)}}))
		mine := w.handler()
		var conns []*actor.PID
		for range 5 {
			u := w.client(mine)
			u.Options.Compression = new(pipeline.Compression)
			conn, err := DialActor(w.Context(), w.system, w.url(addr), u)
			require.NoError(w, err)
			mine.upgraded()
			defer w.ended(conn)
			theirs, up := h.upgraded()
			require.True(w, up.Compressed)
			conns = append(conns, theirs)
		}
		for i := range 3 {
			text := strings.Repeat(fmt.Sprint("news ", i), 1000)
			news := frame.Text(text)
			for _, conn := range conns {
				w.system.Root.Send(conn, news)
			}
			for range conns {
				mine.text(text)
			}
		}
	})
}

// 1 MiB, the most that the defaults allow, both ways.
func TestLargeMessages(t *testing.T) {
	sampled(t, func(w *world) {
		w.asBoth(func(w *world, ours role) {
			h := w.handler(echo)
			l := w.connect(ours, h, terms{})
			large := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
			for range 3 {
				sent := make(chan struct{})
				go func() { // neither end has space for all of it
					defer close(sent)
					l.Conn.Write([]byte(l.encode(frame.Binary(large))))
				}()
				require.True(w, bytes.Equal(large, l.frame().Payload))
				<-sent
			}
			l.write(frame.Binary(append(large, 0)))
			l.closes(frame.TooBig)
			l.Close()
			h.untilClosed()
		})
	})
}

// Bursts keep their order, and what is answered goes out in few writes.
func TestBurst(t *testing.T) {
	bothRoles(t, func(w *world, ours role) {
		h := w.handler(echo)
		l := w.connect(ours, h, terms{})
		n := 0
		for range 20 {
			var burst []*frame.Frame
			for range 32 {
				burst = append(burst, frame.Text(fmt.Sprint(n)))
				n++
			}
			l.write(burst...)
			for _, f := range burst {
				require.Equal(w, f.String(), l.frame().String())
			}
		}
		for i := range n {
			h.text(fmt.Sprint(i))
		}
		l.Close()
		expect[*Closed](h)
	})
}

// A handler that is slow holds its peer up, and nothing is lost.
func TestSlowHandler(t *testing.T) {
	bothRoles(t, func(w *world, ours role) {
		open := make(chan struct{})
		h := w.handler(func(ctx actor.Context) {
			if _, ok := ctx.Message().(*frame.Frame); ok {
				<-open
			}
			echo(ctx)
		})
		l := w.connect(ours, h, terms{options: Options{CreditFrames: 4}})
		const n = 200
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			for i := range n {
				l.Conn.Write([]byte(l.encode(frame.Text(fmt.Sprint(i)))))
			}
		}()
		<-sent
		close(open)
		for i := range n {
			require.Equal(w, fmt.Sprint(i), l.frame().String())
		}
		for i := range n {
			h.text(fmt.Sprint(i))
		}
		l.Close()
		expect[*Closed](h)
	})
}

// Pieces of a message as they arrive, for who asks for them.
func TestStream(t *testing.T) {
	sampled(t, func(w *world) {
		w.asBoth(func(w *world, ours role) {
			h := w.handler()
			l := w.connect(ours, h, terms{options: Options{Stream: true, MaxFrame: -1, MaxMessage: -1}})
			const size = 8 << 20
			sent := make(chan struct{})
			go func() {
				defer close(sent)
				l.Conn.Write([]byte(l.encode(frame.Binary(make([]byte, size)))))
			}()
			got, first := 0, true
			for {
				f := expect[*frame.Frame](h)
				assert.Equal(w, first, f.Opcode == frame.OpBinary)
				first = false
				if got += len(f.Payload); f.Fin {
					break
				}
			}
			<-sent
			assert.Equal(w, size, got)
			// Outbound fragments are frames that are not final.
			l.tell(frame.Fragment(frame.OpText, false, []byte("he")))
			l.tell(frame.Fragment(frame.OpContinuation, true, []byte("llo")))
			a, b := l.frame(), l.frame()
			assert.Equal(w, "he llo false true", fmt.Sprint(a, " ", b, " ", a.Fin, " ", b.Fin))
			l.Close()
			expect[*Closed](h)
		})
	})
}

// A handler hears of the round trips of its own Pings, and of others if it asks: by the
// option, or by a stage of its own.
func TestRoundTripTimeIsForWhoAsks(t *testing.T) {
	everywhere(t, func(w *world) {
		for name, tt := range map[string]struct {
			terms terms
			told  bool
		}{
			"nobody asks": {terms{options: Options{PingInterval: soon}}, false},
			"an option":   {terms{options: Options{PingInterval: soon, ReportRTT: true}}, true},
			"a stage":     {terms{options: Options{PingInterval: -1}, stages: []pipeline.Stage{pipeline.AutoPing{Interval: soon}.Stage()}}, true},
		} {
			w.in(name, func(w *world) {
				h := w.handler()
				l := w.connect(asServer, h, tt.terms)
				f := l.frame()
				require.Equal(w, frame.OpPing, f.Opcode)
				l.write(frame.Pong(f.Payload))
				if tt.told {
					assert.Equal(w, f.Payload, expect[*RoundTripTime](h).Payload)
				}
				l.tell(frame.Ping([]byte("mine")))
				for string(f.Payload) != "mine" {
					f = l.frame()
					l.write(frame.Pong(f.Payload))
				}
				trip := expect[*RoundTripTime](h)
				for tt.told && string(trip.Payload) != "mine" {
					trip = expect[*RoundTripTime](h)
				}
				assert.Equal(w, "mine", string(trip.Payload))
				l.Close()
				h.untilClosed()
			})
		}
	})
}

// Without messages a connection ends, whatever else goes by.
func TestMessageTimeout(t *testing.T) {
	sampled(t, func(w *world) {
		w.asBoth(func(w *world, ours role) {
			h := w.handler()
			l := w.connect(ours, h, terms{options: Options{MessageTimeout: 20 * soon, PingInterval: soon}})
			l.write(frame.Text("the last"))
			h.text("the last")
			f := l.frame()
			for ; f.Opcode == frame.OpPing; f = l.frame() {
				l.write(frame.Pong(f.Payload))
			}
			require.Equal(w, frame.OpClose, f.Opcode)
			code, _ := f.CloseStatus()
			assert.Equal(w, frame.GoingAway, code)
			l.write(f)
			l.part()
			end := h.untilClosed()
			assert.True(w, end.Clean)
			assert.ErrorIs(w, end.Err, pipeline.ErrMessageTimeout)
		})
	})
}

// Several senders share a connection: a whole message of one does not come between the
// fragments of another. A fragment of no message is told as ours, and never goes out.
func TestMessagesOfSeveralSenders(t *testing.T) {
	bothRoles(t, func(w *world, ours role) {
		h := w.handler()
		l := w.connect(ours, h, terms{})
		l.tell(frame.Fragment(frame.OpText, false, []byte("one, ")))
		l.tell(frame.Text("broadcast"))
		l.tell(frame.Fragment(frame.OpContinuation, true, []byte("two")))
		for _, want := range []string{"one, ", "two", "broadcast"} {
			assert.Equal(w, want, l.frame().String())
		}
		l.tell(frame.Fragment(frame.OpContinuation, true, []byte("three")))
		l.closes(frame.InternalError)
		l.part()
		end := h.untilClosed()
		assert.Equal(w, Local, end.By)
		assert.EqualError(w, end.Err, "1011 this side sent a continuation of no message")
	})
}

// The settings are what their names say: a portable connection has a goroutine
// that reads, one of the poller's has none.
func TestSettings(t *testing.T) {
	everywhere(t, func(w *world) {
		h := w.handler()
		l := w.connect(asServer, h, terms{})
		l.tell(frame.Text("upgraded"))
		l.frame()
		want := 0
		if w.portable {
			want = 1
		}
		assert.True(w, until(func() bool { return running("transport.(*portable)") == want }), "%d goroutines read", want)
		l.Close()
		expect[*Closed](h)
	})
}

// running is the number of goroutines that are in the methods of a type.
func running(of string) (n int) {
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	for _, one := range strings.Split(string(stacks), "\n\n") {
		if strings.Contains(one, of) {
			n++
		}
	}
	return n
}

// The Ping of a handler that says nothing is answered like any other.
func TestEmptyPingHasARoundTrip(t *testing.T) {
	bothRoles(t, func(w *world, ours role) {
		h := w.handler()
		l := w.connect(ours, h, terms{})
		l.tell(frame.Ping(nil))
		require.Equal(w, frame.OpPing, l.frame().Opcode)
		l.write(frame.Pong(nil))
		assert.Empty(w, expect[*RoundTripTime](h).Payload)
		l.Close()
		h.untilClosed()
	})
}
