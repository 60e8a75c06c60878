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
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/actors/answering"
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

// exchange serves one request and waits until that is over.
func (w *world) exchange(d *desk, ctx context.Context, ex *Exchange) *http.Response {
	r, err := http.NewRequestWithContext(ctx, "GET", "http://here/", nil)
	require.NoError(w, err)
	ex.Request, ex.Writer = r, d
	ex.Upgrade = func(answer any) Upgrader { u, _ := answer.(Upgrader); return u }
	w.rt.Serve(ex)
	return d.Result()
}

// listener is an actor that answers requests.
func (w *world) listener(answer func(ctx actor.Context, r *http.Request), rest ...func(ctx actor.Context)) *actor.PID {
	pid := w.system.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
		if r, ok := ctx.Message().(*http.Request); ok {
			answer(ctx, r)
			return
		}
		for _, f := range rest {
			f(ctx)
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
				r := w.exchange(newDesk(), context.Background(), &Exchange{Listener: who, Timeout: 30 * time.Second})
				body, _ := io.ReadAll(r.Body)
				require.Equal(w, test.status, r.StatusCode)
				require.Equal(w, test.body, string(body))
				require.Equal(w, test.closes, r.Header.Get("Connection") == "close")
				time.Sleep(2 * time.Minute)
			})
		})
	}
}

// What a listener is sent has a sender of its own, which is gone with the answer: what comes
// then is a dead letter, and whoever watches hears of the end.
func TestSenderOfARequest(t *testing.T) {
	virtually(t, func(w *world) {
		asked := make(chan *actor.PID, 1)
		touched, ended := make(chan *actor.PID, 1), make(chan *actor.PID, 1)
		who := w.listener(func(ctx actor.Context, _ *http.Request) {
			ctx.Watch(ctx.Sender())
			ctx.Request(ctx.Sender(), &actor.Touch{})
			asked <- ctx.Sender()
		}, func(ctx actor.Context) {
			switch m := ctx.Message().(type) {
			case *actor.Touched:
				touched <- m.Who
			case *actor.Terminated:
				ended <- m.Who
			}
		})
		exchange := func(pids ...*actor.PID) *actor.PID {
			status := make(chan int)
			go func() {
				status <- w.exchange(newDesk(), context.Background(), &Exchange{Listener: who}).StatusCode
			}()
			pid := <-asked
			require.Equal(w, pid.Id, (<-touched).Id)
			for i, to := range append(pids, pid) {
				w.system.Root.Send(to, text(201+i, ""))
			}
			require.Equal(w, 201+len(pids), <-status)
			require.Equal(w, pid.Id, (<-ended).Id)
			w.gone(pid)
			return pid
		}
		first := exchange()
		require.NotEqual(w, first.Id, exchange(first).Id)
		unasked := &closeCounter{}
		w.system.Root.Send(first, &http.Response{Body: unasked})
		synctest.Wait()
		require.NotZero(w, unasked.closes.Load(), "the body of an answer that nobody wants")
	})
}

// A listener is watched once, however much it is asked, and one that stops while it thinks is
// noticed at once. So is that it was never there, and that there is another of its name.
func TestListenerIsWatched(t *testing.T) {
	virtually(t, func(w *world) {
		watchers := 0
		props := actor.PropsFromFunc(func(ctx actor.Context) {
			if r, ok := ctx.Message().(*http.Request); ok && r.URL.Path != "/never" {
				ctx.Respond(text(200, ""))
			}
		}, actor.WithMailbox(func() actor.Mailbox { return &watched{Mailbox: actor.Unbounded()(), watchers: &watchers} }))
		for range 2 {
			watchers = 0
			who, err := w.system.Root.SpawnNamed(props, "listener")
			require.NoError(w, err)
			for range 3 {
				require.Equal(w, 200, w.exchange(newDesk(), context.Background(), &Exchange{Listener: who}).StatusCode)
			}
			require.Equal(w, 1, watchers)
			var never sync.WaitGroup
			for range 3 {
				never.Go(func() {
					d := newDesk()
					r := httptest.NewRequest("GET", "/never", nil)
					w.rt.Serve(&Exchange{Answer: answering.Answer{Request: r, Writer: d}, Listener: who})
					assert.Equal(w, 503, d.Code)
				})
			}
			synctest.Wait()
			began := time.Now()
			w.system.Root.StopFuture(who).Wait()
			never.Wait()
			require.Zero(w, time.Since(began))
			require.Nil(w, w.rt.listeners.find(who))
			require.Equal(w, 503, w.exchange(newDesk(), context.Background(), &Exchange{Listener: who}).StatusCode)
			require.Nil(w, w.rt.listeners.find(who))
		}
	})
}

// A listener that panics at its end is forgotten.
func TestListenerPanicsAtItsEnd(t *testing.T) {
	virtually(t, func(w *world) {
		who := w.system.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
			switch ctx.Message().(type) {
			case *http.Request:
				ctx.Respond(text(200, ""))
			case *actor.Stopped:
				panic("on purpose")
			}
		}))
		require.Equal(w, 200, w.exchange(newDesk(), context.Background(), &Exchange{Listener: who}).StatusCode)
		require.NotNil(w, w.rt.listeners.find(who))
		w.system.Root.Stop(who)
		synctest.Wait()
		require.Nil(w, w.rt.listeners.find(who))
	})
}

// watched counts who watches the actor of a mailbox.
type watched struct {
	actor.Mailbox
	watchers *int
}

func (m *watched) PostSystemMessage(message any) {
	switch message.(type) {
	case *actor.Watch:
		*m.watchers++
	case *actor.Unwatch:
		*m.watchers--
	}
	m.Mailbox.PostSystemMessage(message)
}

// A request whose context is over is answered all the same: its client may have
// closed its sending half only.
func TestExchangeOfAHalfClosedClient(t *testing.T) {
	virtually(t, func(w *world) {
		var asked *actor.PID
		who := w.listener(func(ctx actor.Context, _ *http.Request) { asked = ctx.Sender() })
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan *http.Response)
		go func() { done <- w.exchange(newDesk(), ctx, &Exchange{Listener: who}) }()
		synctest.Wait()
		cancel()
		synctest.Wait()
		w.system.Root.Send(asked, text(200, "late"))
		body, err := io.ReadAll((<-done).Body)
		require.NoError(w, err)
		require.Equal(w, "late", string(body))
	})
}

type closeCounter struct{ closes atomic.Int64 }

func (c *closeCounter) Read([]byte) (int, error) { return 0, io.EOF }
func (c *closeCounter) Close() error             { c.closes.Add(1); return nil }

// What came with the request is the first input; the greeting goes out first. What a listener
// sends behind its answer comes next.
func TestUpgradeInOneTurn(t *testing.T) {
	t.Run("decided", func(t *testing.T) {
		upgradeInOneTurn(t, func(w *world, u Upgrader) *Exchange { return &Exchange{Upgrader: u} })
	})
	t.Run("by a listener", func(t *testing.T) {
		upgradeInOneTurn(t, func(w *world, u Upgrader) *Exchange {
			return &Exchange{Listener: w.listener(func(ctx actor.Context, _ *http.Request) {
				conn := ctx.Sender()
				ctx.Watch(conn)
				ctx.Respond(u)
				ctx.Send(conn, frame.Text("behind"))
			}, func(ctx actor.Context) {})}
		})
	})
}

func upgradeInOneTurn(t *testing.T, exchange func(w *world, u Upgrader) *Exchange) {
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
		ex := exchange(w, upgrader(func(*Exchange) (*Plan, *http.Response) { return plan, nil }))
		w.exchange(d, context.Background(), ex)
		greeting := make([]byte, 4)
		_, err := io.ReadFull(far, greeting)
		require.NoError(w, err)
		require.Equal(w, "101 ", string(greeting))
		want := []string{"early"}
		if ex.Listener != nil {
			want = append(want, "behind")
		}
		var got []string
		for range want {
			f, err := readFrame(far)
			require.NoError(w, err)
			got = append(got, f.String())
		}
		require.ElementsMatch(w, want, got) // the echo comes by way of the handler
		h.greeted()
		h.text("early")
		io.WriteString(far, masked(frame.Text("later")))
		h.text("later")
		far.Close()
		h.closed()
		await(t, left, "the end")
	})
}

// An upgrade that brings its actor brings none if it comes to nothing; then it is
// answered, leaves once and keeps no drain waiting.
func TestUpgradeIsAborted(t *testing.T) {
	refuse := func(*Plan) (*Plan, *http.Response) { return nil, answering.Plain(http.StatusTeapot, "no") }
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
				r := w.exchange(newDesk(), context.Background(), &Exchange{Upgrader: upgrader(func(*Exchange) (*Plan, *http.Response) { return test.upgrade(plan) })})
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
		w.exchange(d, context.Background(), &Exchange{Upgrader: upgrader(func(*Exchange) (*Plan, *http.Response) { return plan, nil })})
		h.greeted()
		require.ErrorContains(w, h.closed().Err, "no such stage")
		_, err := io.ReadAll(far)
		require.NoError(w, err)
		await(t, left, "the end")
	})
}

// An upgrade and the end of the time for an answer race for the exchange: one of them has it.
func TestUpgradeRacesWithGivingUp(t *testing.T) {
	w := newWorld(t, onPortable)
	h := w.handler()
	var plan *Plan
	var who *actor.PID
	who = w.listener(func(ctx actor.Context, _ *http.Request) {
		waiting := w.rt.listeners.find(who).all()
		go waiting[0].look(w.rt.now() + time.Hour)
		ctx.Respond(upgrader(func(*Exchange) (*Plan, *http.Response) { return plan, nil }))
	})
	upgraded, left := 0, 0
	for range 300 {
		near, far := net.Pipe()
		d := newDesk()
		d.conn = near
		plan = w.plan(h)
		departed := make(chan struct{})
		plan.Life = onSettled(func() { close(departed) })
		plan.Greeting = nil
		w.exchange(d, context.Background(), &Exchange{Listener: who, Timeout: time.Hour})
		far.Close()
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
