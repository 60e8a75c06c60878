package actors

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// desk is the http.ResponseWriter of an exchange, whose connection can be
// hijacked if there is one.
type desk struct {
	*httptest.ResponseRecorder
	conn    net.Conn
	ahead   string // what was read of it already
	hijacks atomic.Int64
}

func (d *desk) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	d.hijacks.Add(1)
	if d.conn == nil {
		return nil, nil, errors.New("not this one")
	}
	r := bufio.NewReader(io.MultiReader(strings.NewReader(d.ahead), d.conn))
	r.Peek(len(d.ahead))
	return d.conn, bufio.NewReadWriter(r, bufio.NewWriter(d.conn)), nil
}

// newDesk is one without a connection.
func newDesk() *desk { return &desk{ResponseRecorder: httptest.NewRecorder()} }

// upgrader answers as it is told.
type upgrader func(ex *Exchange) (*Plan, *http.Response)

func (u upgrader) Upgrade(ex *Exchange) (*Plan, *http.Response) { return u(ex) }

// onSettled is a Lifetime whose end is awaited.
type onSettled func()

func (onSettled) Ended()     {}
func (f onSettled) Settled() { f() }

// exchange serves one request at a connection and waits until that is over.
func (w *world) exchange(conn *actor.PID, d *desk, ctx context.Context, ex *Exchange) *http.Response {
	r, err := http.NewRequestWithContext(ctx, "GET", "http://here/", nil)
	require.NoError(w, err)
	ex.Request, ex.Writer = r, d
	ex.Upgrade = func(answer any) Upgrader { u, _ := answer.(Upgrader); return u }
	w.rt.Serve(conn, ex)
	return d.Result()
}

// listener is an actor that answers requests.
func (w *world) listener(answer func(ctx actor.Context, r *http.Request)) *actor.PID {
	pid := w.system.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
		if r, ok := ctx.Message().(*http.Request); ok {
			answer(ctx, r)
		}
	}))
	w.Cleanup(func() { w.system.Root.StopFuture(pid).Wait() })
	return pid
}

// gone requires that a connection actor ends.
func (w *world) gone(pid *actor.PID) {
	w.Helper()
	w.eventually(func() bool {
		_, alive := w.system.ProcessRegistry.GetLocal(pid.Id)
		return !alive
	}, "the connection actor is still there")
}

func text(status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body))}
}

// Every exchange is answered once, whatever the listener does, and in bounded time.
func TestExchanges(t *testing.T) {
	refuse := upgrader(func(*Exchange) (*Plan, *http.Response) { return nil, text(403, "no") })
	for name, test := range map[string]struct {
		answer func(ctx actor.Context, r *http.Request) // nil: there is no listener
		status int
		body   string
		closes bool
	}{
		"answers":          {func(ctx actor.Context, _ *http.Request) { ctx.Respond(text(200, "yes")) }, 200, "yes", false},
		"without a status": {func(ctx actor.Context, _ *http.Request) { ctx.Respond(&http.Response{}) }, 200, "", false},
		"refuses":          {func(ctx actor.Context, _ *http.Request) { ctx.Respond(refuse) }, 403, "no", false},
		"never answers":    {func(actor.Context, *http.Request) {}, 503, "no answer in time\n", true},
		"answers late":     {func(ctx actor.Context, _ *http.Request) { time.Sleep(time.Minute); ctx.Respond(text(200, "late")) }, 503, "no answer in time\n", true},
		"was never there":  {nil, 503, "no listener\n", true},
		"stops instead":    {func(ctx actor.Context, _ *http.Request) { ctx.Stop(ctx.Self()) }, 503, "no listener\n", true},
		"answers and stops": {func(ctx actor.Context, _ *http.Request) {
			ctx.Respond(text(200, "last"))
			ctx.Stop(ctx.Self())
		}, 200, "last", false},
		"panics":           {func(actor.Context, *http.Request) { panic("listener") }, 500, "listener failed\n", true},
		"stops the conn":   {func(ctx actor.Context, _ *http.Request) { ctx.Stop(ctx.Sender()) }, 503, "shutting down\n", true},
		"poisons the conn": {func(ctx actor.Context, _ *http.Request) { ctx.Poison(ctx.Sender()) }, 503, "shutting down\n", true},
		"upgrade panics": {func(ctx actor.Context, _ *http.Request) {
			ctx.Respond(upgrader(func(*Exchange) (*Plan, *http.Response) { panic("upgrade") }))
		}, 500, "upgrade failed\n", true},
		"cannot be hjacked": {func(ctx actor.Context, _ *http.Request) {
			ctx.Respond(upgrader(func(*Exchange) (*Plan, *http.Response) { return &Plan{}, nil }))
		}, 500, "connection cannot be upgraded: not this one\n", true},
	} {
		t.Run(name, func(t *testing.T) {
			virtually(t, func(w *world) {
				who := w.system.NewLocalPID("nobody")
				if test.answer != nil {
					who = w.listener(test.answer)
				}
				conn := w.rt.Spawn()
				r := w.exchange(conn, newDesk(), context.Background(), &Exchange{Listener: who, Timeout: 30 * time.Second, last: true})
				body, _ := io.ReadAll(r.Body)
				require.Equal(w, test.status, r.StatusCode)
				require.Equal(w, test.body, string(body))
				require.Equal(w, test.closes, r.Header.Get("Connection") == "close")
				time.Sleep(2 * time.Minute)
				w.gone(conn)
			})
		})
	}
}

// One connection serves exchanges one after the other, until it is stopped; then
// it answers nobody, and nobody waits.
func TestExchangesOfAConnection(t *testing.T) {
	virtually(t, func(w *world) {
		n := 0
		who := w.listener(func(ctx actor.Context, _ *http.Request) {
			n++
			ctx.Respond(text(200+n, ""))
		})
		conn := w.rt.Spawn()
		for i := range 3 {
			r := w.exchange(conn, newDesk(), context.Background(), &Exchange{Listener: who})
			require.Equal(w, 201+i, r.StatusCode)
		}
		w.system.Root.Stop(conn)
		w.gone(conn)
		began := time.Now()
		r := w.exchange(conn, newDesk(), context.Background(), &Exchange{Listener: who})
		require.Equal(w, 503, r.StatusCode)
		require.Zero(w, time.Since(began))
	})
}

// An exchange that is still in the mailbox of a connection that stops is answered.
func TestExchangeOfAConnectionThatStops(t *testing.T) {
	virtually(t, func(w *world) {
		c := &conn{rt: w.rt}
		inside, leave := make(chan struct{}), make(chan struct{})
		c.side = &seed{grow: func() {
			close(inside)
			<-leave
			c.side = &server{conn: c}
		}}
		pid := w.spawnConn(c)
		w.system.Root.Send(pid, &plant{})
		<-inside
		status := make(chan int)
		go func() {
			status <- w.exchange(pid, newDesk(), context.Background(), &Exchange{Listener: w.system.NewLocalPID("nobody")}).StatusCode
		}()
		synctest.Wait()
		w.system.Root.Stop(pid)
		close(leave)
		require.Equal(w, 503, <-status)
	})
}

// A listener that stops while it thinks is noticed at once, and one that has been
// asked keeps nothing of connections that are gone.
func TestListenerIsWatched(t *testing.T) {
	virtually(t, func(w *world) {
		watchers := map[string]int{}
		who := w.system.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {}, actor.WithMailbox(func() actor.Mailbox {
			return &watched{Mailbox: actor.Unbounded()(), watchers: watchers}
		})))
		var asked []*actor.PID
		for range 3 {
			conn := w.rt.Spawn()
			asked = append(asked, conn)
			done := make(chan int)
			go func() {
				done <- w.exchange(conn, newDesk(), context.Background(), &Exchange{Listener: who, Timeout: time.Hour}).StatusCode
			}()
			synctest.Wait()
			if len(asked) < 3 {
				w.system.Root.Send(conn, text(200, ""))
				require.Equal(w, 200, <-done)
				w.system.Root.Stop(conn)
				w.gone(conn)
				require.Zero(w, watchers[conn.Id], "it watches no more")
				continue
			}
			require.Equal(w, 1, watchers[conn.Id])
			began := time.Now()
			w.system.Root.Stop(who)
			require.Equal(w, 503, <-done)
			require.Zero(w, time.Since(began))
			w.system.Root.Stop(conn)
		}
	})
}

// watched counts who watches the actor of a mailbox.
type watched struct {
	actor.Mailbox
	watchers map[string]int
}

func (m *watched) PostSystemMessage(message any) {
	switch s := message.(type) {
	case *actor.Watch:
		m.watchers[s.Watcher.Id]++
	case *actor.Unwatch:
		m.watchers[s.Watcher.Id]--
	}
	m.Mailbox.PostSystemMessage(message)
}

// A request whose context is over is answered all the same: its client may have
// closed its sending half only.
func TestExchangeOfAHalfClosedClient(t *testing.T) {
	virtually(t, func(w *world) {
		var asked *actor.PID
		who := w.listener(func(ctx actor.Context, _ *http.Request) { asked = ctx.Sender() })
		conn := w.rt.Spawn()
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan *http.Response)
		go func() { done <- w.exchange(conn, newDesk(), ctx, &Exchange{Listener: who}) }()
		synctest.Wait()
		cancel()
		synctest.Wait()
		w.system.Root.Send(asked, text(200, "late"))
		body, err := io.ReadAll((<-done).Body)
		require.NoError(w, err)
		require.Equal(w, "late", string(body))
		unasked := &closeCounter{}
		w.system.Root.Send(asked, &http.Response{Body: unasked})
		synctest.Wait()
		require.EqualValues(w, 1, unasked.closes.Load(), "the body of an answer that nobody wants")
		w.system.Root.Stop(conn)
		w.gone(conn)
	})
}

type closeCounter struct{ closes atomic.Int64 }

func (c *closeCounter) Read([]byte) (int, error) { return 0, io.EOF }
func (c *closeCounter) Close() error             { c.closes.Add(1); return nil }

// A connection whose socket leaves net/http by other hands has no more to do.
func TestHijackedByOthers(t *testing.T) {
	virtually(t, func(w *world) {
		conn := w.rt.Spawn()
		w.rt.Hijacked(conn)
		w.gone(conn)
	})
}

// What came with the request is the first input; the greeting goes out first.
func TestUpgradeInOneTurn(t *testing.T) {
	t.Run("of an actor that there is", func(t *testing.T) { upgradeInOneTurn(t, func(w *world) *actor.PID { return w.rt.Spawn() }) })
	t.Run("that brings its actor", func(t *testing.T) { upgradeInOneTurn(t, func(*world) *actor.PID { return nil }) })
}

func upgradeInOneTurn(t *testing.T, spawn func(w *world) *actor.PID) {
	everywhere(t, func(w *world) {
		h := w.handler(echo)
		near, far := w.pair()
		defer far.Close()
		d := newDesk()
		d.conn, d.ahead = near, masked(frame.Text("early"))
		plan := w.plan(h)
		plan.Greeting = []byte("101 ")
		left := make(chan struct{})
		plan.Life = onSettled(func() { close(left) })
		conn := spawn(w)
		w.exchange(conn, d, context.Background(), &Exchange{Decided: upgrader(func(*Exchange) (*Plan, *http.Response) { return plan, nil })})
		if conn != nil {
			w.rt.Hijacked(conn) // as net/http's ConnState does
		}
		greeting := make([]byte, 4)
		_, err := io.ReadFull(far, greeting)
		require.NoError(w, err)
		require.Equal(w, "101 ", string(greeting))
		f, err := readFrame(far)
		require.NoError(w, err)
		require.Equal(w, "early", f.String())
		h.greeted()
		h.text("early")
		io.WriteString(far, masked(frame.Text("later")))
		h.text("later")
		far.Close()
		h.closed()
		await(t, left, "the end")
		if conn != nil {
			w.gone(conn)
		}
	})
}

// An upgrade that brings its actor brings none if it comes to nothing; then it is
// answered, leaves once and keeps no drain waiting.
func TestUpgradeIsAborted(t *testing.T) {
	refuse := func(*Plan) (*Plan, *http.Response) { return nil, plain(http.StatusTeapot, "no") }
	for name, test := range map[string]struct {
		upgrade func(*Plan) (*Plan, *http.Response)
		status  int
		body    string
		left    int
	}{
		"refused":            {refuse, 418, "no\n", 0},
		"panics":             {func(*Plan) (*Plan, *http.Response) { panic("upgrade") }, 500, "upgrade failed\n", 0},
		"cannot be hijacked": {func(p *Plan) (*Plan, *http.Response) { return p, nil }, 500, "connection cannot be upgraded: not this one\n", 1},
	} {
		t.Run(name, func(t *testing.T) {
			virtually(t, func(w *world) {
				plan, left := w.plan(w.handler()), 0
				plan.Group, plan.Life = new(Group), onSettled(func() { left++ })
				r := w.exchange(nil, newDesk(), context.Background(), &Exchange{Decided: upgrader(func(*Exchange) (*Plan, *http.Response) { return test.upgrade(plan) })})
				body, _ := io.ReadAll(r.Body)
				require.Equal(w, test.status, r.StatusCode)
				require.Equal(w, test.body, string(body))
				require.Equal(w, "close", r.Header.Get("Connection"))
				require.Equal(w, test.left, left)
				<-plan.Group.whenEmpty()
			})
		})
	}
}

// A stage that panics while it is built ends the connection, not the program.
func TestStageThatCannotBeBuilt(t *testing.T) {
	everywhere(t, func(w *world) {
		h := w.handler()
		near, far := w.pair()
		defer far.Close()
		d := newDesk()
		d.conn = near
		plan := w.plan(h)
		plan.Core = pipeline.Stage(func(pipeline.Sink, pipeline.Sink) (pipeline.Sink, pipeline.Sink) { panic("no such stage") })
		left := make(chan struct{})
		plan.Life = onSettled(func() { close(left) })
		w.exchange(nil, d, context.Background(), &Exchange{Decided: upgrader(func(*Exchange) (*Plan, *http.Response) { return plan, nil })})
		h.greeted()
		require.ErrorContains(w, h.closed().Err, "no such stage")
		_, err := io.ReadAll(far)
		require.NoError(w, err)
		await(t, left, "the end")
	})
}

// A client that leaves and an upgrade race for the exchange: one of them has it.
func TestUpgradeRacesWithLeaving(t *testing.T) {
	w := newWorld(t, onPortable)
	h := w.handler()
	upgraded, left := 0, 0
	for i := range 300 {
		near, far := net.Pipe()
		d := newDesk()
		d.conn = near
		plan := w.plan(h)
		departed := make(chan struct{})
		plan.Life = onSettled(func() { close(departed) })
		plan.Greeting = nil
		ctx, cancel := context.WithCancel(context.Background())
		conn := w.rt.Spawn()
		if i%2 == 0 {
			go cancel()
		}
		w.exchange(conn, d, ctx, &Exchange{last: true, Decided: upgrader(func(*Exchange) (*Plan, *http.Response) {
			go cancel()
			return plan, nil
		})})
		far.Close()
		w.gone(conn)
		switch d.hijacks.Load() {
		case 0:
			assert.Equal(t, 503, d.Code)
			near.Close()
			left++
		case 1:
			await(t, departed, "Leave")
			upgraded++
		}
	}
	t.Logf("%d upgraded, %d left", upgraded, left)
	require.Equal(t, 300, upgraded+left)
	w.eventually(func() bool { h.mu.Lock(); defer h.mu.Unlock(); return len(h.all) == 2*upgraded }, "all that each is to be told")
}
