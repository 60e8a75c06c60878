//go:build unix

package rooms

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/spindrift-go/spindrift/internal/harness"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// routeOfChild, in the environment, makes the test's program a node that knows the one there.
const routeOfChild = "SPINDRIFT_ROOMS_ROUTE"

const alone = "alone" // in place of a route: there is no other node yet

func TestMain(m *testing.M) {
	if route := os.Getenv(routeOfChild); route != "" {
		if err := child(route); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// child is a node until standard input ends.
func child(route string) error {
	var c Config
	if route != alone {
		c.Routes = []string{route}
	}
	n, err := Open(nil, c)
	if err != nil {
		return err
	}
	defer n.Close()
	server := httptest.NewServer(member(n))
	defer server.Close()
	fmt.Println(n.Addr(), "ws"+strings.TrimPrefix(server.URL, "http"))
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// process is a node that is a process of its own.
type process struct {
	*exec.Cmd
	addr, url string
}

func run(t testing.TB, route string) *process {
	t.Helper()
	p := &process{Cmd: exec.Command(os.Args[0])}
	p.Env, p.Stderr = append(os.Environ(), routeOfChild+"="+route), os.Stderr
	_, err := p.StdinPipe()
	require.NoError(t, err)
	out, err := p.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, p.Start())
	t.Cleanup(func() { p.kill() })
	_, err = fmt.Fscan(bufio.NewReader(out), &p.addr, &p.url)
	require.NoError(t, err)
	return p
}

func (p *process) kill() {
	p.Process.Kill()
	p.Wait()
}

// While one node is frozen and another one killed, the others have every message of a sender, in
// order and at once; the frozen one has them when it thaws.
func TestProcesses(t *testing.T) {
	const last, freeze, kill, thaw = 3000, 300, 600, 2300 // messages, one a millisecond
	a := open(t, Config{Name: "a"})
	b, c := run(t, a.Addr().String()), run(t, a.Addr().String())
	speaker, here := dial(t, a.url, "speaker"), dial(t, a.url, "a")
	killed, frozen := dial(t, b.url, "b"), dial(t, c.url, "c")
	meet(t, speaker, here, killed, frozen)
	go func() {
		for { // it must be read, too
			if _, err := speaker.Receive(context.Background()); err != nil {
				return
			}
		}
	}()
	go func() {
		pace := time.NewTicker(time.Millisecond)
		defer pace.Stop()
		for i := range last {
			<-pace.C
			switch i {
			case freeze:
				assert.NoError(t, harness.Freeze(c.Process))
			case kill:
				b.kill()
			case thaw:
				assert.NoError(t, c.Process.Signal(syscall.SIGCONT))
			}
			if !assert.NoError(t, speaker.SendText(context.Background(), fmt.Sprint(i, " ", time.Now().UnixNano()))) {
				return
			}
		}
	}()
	hears := func(c *client) (slowest time.Duration) {
		for i := range last {
			var n int
			var said int64
			_, err := fmt.Sscan(c.next(), &n, &said)
			require.NoError(t, err)
			require.Equal(t, i, n, "all, in order")
			slowest = max(slowest, time.Since(time.Unix(0, said)))
		}
		return slowest
	}
	require.Less(t, hears(here), time.Second, "it waits for no other node")
	require.Greater(t, hears(frozen), time.Second, "it was frozen")
	for err := error(nil); err == nil; {
		_, err = killed.Receive(context.Background())
	}
	late := run(t, a.Addr().String())
	meet(t, here, frozen, dial(t, late.url, "late"))
}

// Nodes that come and are killed leave nothing behind at those who live.
func TestDeathsLeaveNothing(t *testing.T) {
	a := open(t, Config{Name: "a", Presence: true, PresenceTimeout: time.Second})
	here := dial(t, a.url, "a")
	once := func() {
		p := run(t, a.Addr().String())
		there := dial(t, p.url, "b")
		meet(t, here, there)
		p.kill()
		there.Cut()
	}
	count := func() (goroutines, descriptors int) {
		entries, _ := os.ReadDir("/proc/self/fd")
		return runtime.NumGoroutine(), len(entries)
	}
	goroutines, descriptors := count()
	for range 6 {
		once()
	}
	eventually(t, func() bool {
		g, d := count()
		return a.server.NumRoutes() == 0 && g <= goroutines && d <= descriptors
	}, "left behind")
}

// What the documentation says of NATS' own limits.
func TestLimitsOfNATS(t *testing.T) {
	assert.Equal(t, 10*time.Second, server.DEFAULT_FLUSH_DEADLINE)
	assert.Equal(t, 64<<20, server.MAX_PENDING_SIZE)
	assert.Equal(t, 3, server.DEFAULT_ROUTE_POOL_SIZE)
}
