package actors

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/stretchr/testify/require"
)

// agreement is a ClientUpgrader that is content with any 101.
type agreement struct {
	plan *Plan
	err  error
}

func (a agreement) Handshake(base *url.URL) (*http.Request, error) {
	return http.NewRequest("GET", base.String(), nil)
}

func (a agreement) Agree(r *http.Response) (*Plan, error) {
	if a.err == nil && r.StatusCode != http.StatusSwitchingProtocols {
		return nil, errors.New(r.Status)
	}
	return a.plan, a.err
}

func (a agreement) Refused(error) {}

func upgradeOf(message any) ClientUpgrader {
	u, _ := message.(ClientUpgrader)
	return u
}

// asking is a client's connection over a pipe, its server, and who asks.
type asking struct {
	*world
	*handler
	pid    *actor.PID
	server net.Conn
	in     *bufio.Reader
	plan   *Plan
}

func clientwise(t *testing.T, timeout time.Duration, test func(a *asking)) {
	virtually(t, func(w *world) {
		near, far := net.Pipe()
		a := &asking{world: w, handler: w.handler(), pid: w.rt.Spawn(), server: far, in: bufio.NewReader(far)}
		a.handler.bystander = true
		a.plan = w.plan(a.handler)
		a.plan.Core = pipeline.Chain(pipeline.Assemble, pipeline.Closing{Client: true, Timeout: 5 * time.Second}.Stage(), pipeline.Codec{Client: true}.Stage())
		w.system.Root.Send(a.pid, &Connect{Conn: near, Base: &url.URL{Scheme: "http", Host: "there", Path: "/"}, Timeout: timeout, MaxBody: 1000, Upgrade: upgradeOf})
		test(a)
		far.Close()
		time.Sleep(time.Minute)
		w.gone(a.pid)
	})
}

func (a *asking) ask(message any) {
	a.system.Root.RequestWithCustomSender(a.pid, message, a.handler.pid)
}

func (a *asking) request(path string) {
	r, err := http.NewRequest("GET", "http://there"+path, nil)
	require.NoError(a.world, err)
	a.ask(r)
}

// asked waits for a request of the client's.
func (a *asking) asked(path string) {
	r, err := http.ReadRequest(a.in)
	require.NoError(a.world, err)
	require.Equal(a.world, path, r.URL.Path)
}

func (a *asking) answers(s string) {
	_, err := io.WriteString(a.server, s)
	require.NoError(a.world, err)
}

func TestClientAsksInTurn(t *testing.T) {
	clientwise(t, 0, func(a *asking) {
		a.request("/1")
		a.request("/2")
		for _, path := range []string{"/1", "/2"} {
			a.asked(path)
			synctest.Wait()
			a.answers("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" + path)
			body, err := io.ReadAll(expect[*http.Response](a.handler).Body)
			require.NoError(a.world, err)
			require.Equal(a.world, path, string(body))
		}
		a.system.Root.Stop(a.pid)
	})
}

// A connection that ends tells everybody who waits for it, those whose turn has
// not come and those whose message was not read too.
func TestClientEnds(t *testing.T) {
	for name, test := range map[string]struct {
		end  func(a *asking)
		told error
	}{
		"stopped":  {func(a *asking) { a.system.Root.Stop(a.pid) }, ErrStopped},
		"poisoned": {func(a *asking) { a.system.Root.Poison(a.pid) }, ErrStopped},
		"cut":      {func(a *asking) { a.server.Close() }, io.ErrUnexpectedEOF},
		"silent":   {func(a *asking) { time.Sleep(time.Minute) }, nil},
		"garbage":  {func(a *asking) { a.answers("HTTP/4.0 ?\r\n\r\n") }, nil},
		"endless": {func(a *asking) {
			io.WriteString(a.server, "HTTP/1.1 200 OK\r\nX: "+strings.Repeat("x", 1<<20))
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			clientwise(t, 10*time.Second, func(a *asking) {
				a.request("/1")
				a.ask(agreement{plan: a.plan})
				a.asked("/1")
				go test.end(a)
				for range 2 {
					err := expect[error](a.handler)
					if test.told != nil {
						require.ErrorIs(a.world, err, test.told)
					}
				}
				synctest.Wait()
				require.Zero(a.world, told[*hello](a.handler))
			})
		})
	}
}

func TestClientUpgrades(t *testing.T) {
	clientwise(t, time.Second, func(a *asking) {
		a.ask(agreement{plan: a.plan})
		a.asked("/")
		a.answers("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 101 Switching Protocols\r\n\r\n" + unmasked(frame.Text("first")))
		expect[*hello](a.handler)
		a.handler.text("first")
		require.Equal(a.world, 101, expect[*http.Response](a.handler).StatusCode)
		time.Sleep(time.Minute) // the time of the exchange is over and forgotten
		go a.answers(unmasked(frame.Text("later"), frame.Close(frame.Normal, "")))
		a.handler.text("later")
		io.ReadFull(a.in, make([]byte, 8))
		a.server.Close()
		require.True(a.world, a.handler.closed().Clean)
	})
}

func TestClientDisagrees(t *testing.T) {
	for name, test := range map[string]struct {
		upgrader agreement
		answer   string
		err      string
	}{
		"refused":      {agreement{}, "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno", "403 Forbidden"},
		"not content":  {agreement{err: errors.New("bad accept")}, "HTTP/1.1 101 Switching Protocols\r\n\r\n", "bad accept"},
		"plan panics":  {agreement{plan: &Plan{Core: pipeline.Stage(func(_, _ pipeline.Sink) (pipeline.Sink, pipeline.Sink) { panic("core") })}}, "HTTP/1.1 101 Switching Protocols\r\n\r\n", "upgrade failed"},
		"nobody's":     {agreement{plan: &Plan{}}, "HTTP/1.1 101 Switching Protocols\r\n\r\n", "upgrade failed"},
		"body endless": {agreement{}, "HTTP/1.1 403 Forbidden\r\n\r\n" + strings.Repeat("x", 1<<16), "403 Forbidden"},
	} {
		t.Run(name, func(t *testing.T) {
			clientwise(t, 10*time.Second, func(a *asking) {
				if test.upgrader.plan != nil && test.upgrader.plan.Core != nil {
					test.upgrader.plan.Handler = a.handler.pid
				}
				a.ask(test.upgrader)
				a.asked("/")
				go io.WriteString(a.server, test.answer)
				for {
					if err, ok := a.handler.next().(error); ok { // a handler that there is was told hello and Closed
						require.EqualError(a.world, err, test.err)
						break
					}
				}
			})
		})
	}
}
