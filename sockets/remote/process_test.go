package remote

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"runtime/debug"
	"runtime/pprof"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/internal/harness"
	"github.com/spindrift-go/spindrift/sockets"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Tests of nodes that die are of processes: this test, run again. A child prints a line when it is
// ready, and another for each line that it reads; it ends with its standard input.

const childEnv = "SPINDRIFT_REMOTE_CHILD"

func TestMain(m *testing.M) {
	switch role := os.Getenv(childEnv); role {
	case "":
	case bareRole:
		fmt.Println("child:", echoBare())
		os.Exit(1)
	default:
		child(role)
		os.Exit(0)
	}
	suppress()
	os.Exit(m.Run())
}

// counts is what a child's handler was told, of all connections.
type counts struct {
	Upgraded, Closed, Clean, Lost, Frames int
	Codes                                 map[string]int
	Wrong                                 []string // what must not be: two Closeds, something behind one
}

func (r *recorder) count() (c counts) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c.Codes = map[string]int{}
	for conn, messages := range r.by {
		for i, m := range messages {
			switch m := m.(type) {
			case *sockets.Upgraded:
				c.Upgraded++
				if i > 0 {
					c.Wrong = append(c.Wrong, conn+" is told Upgraded twice")
				}
			case *frame.Frame:
				c.Frames++
			case *sockets.Closed:
				c.Closed++
				c.Codes[m.Code.String()]++
				if m.Clean {
					c.Clean++
				}
				if errors.Is(m.Err, ErrLinkLost) {
					c.Lost++
				}
				if i < len(messages)-1 {
					c.Wrong = append(c.Wrong, fmt.Sprintf("%s is told %T behind Closed", conn, messages[i+1]))
				}
			}
			if _, up := m.(*sockets.Upgraded); i == 0 && !up {
				c.Wrong = append(c.Wrong, fmt.Sprintf("%s is told %T first", conn, m))
			}
		}
	}
	return c
}

func child(role string) {
	fail := func(err error) {
		if err != nil {
			fmt.Println("child:", err)
			os.Exit(1)
		}
	}
	system := sockets.NewSystem()
	c := Config{Log: quietly()}.local()
	if addr := os.Getenv(childEnv + "_ADDR"); addr != "" {
		c.Addr = addr
	}
	node, err := Start(system, c)
	fail(err)
	r := &recorder{by: map[string][]any{}, do: echo}
	_, err = system.Root.SpawnNamed(actor.PropsFromFunc(r.Receive, sockets.Dispatcher(system)), "echo")
	fail(err)
	peer := os.Getenv(childEnv + "_PEER")
	if peer == "self" {
		peer = node.Addr()
	}
	if os.Getenv(childEnv+"_BENCH") != "" { // no record is kept
		system.Root.StopFuture(system.NewLocalPID("echo")).Wait()
		_, err = system.Root.SpawnNamed(actor.PropsFromFunc(echo, sockets.Dispatcher(system)), "echo")
		fail(err)
	}
	server := &sockets.Server{System: system, Server: http.Server{Handler: &sockets.Handler{
		System: system, FrameHandler: actor.NewPID(peer, "echo"),
	}}}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	fail(err)
	if role == "gateway" {
		go server.Serve(listener)
	}
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	fmt.Println(node.Addr(), "ws://"+listener.Addr().String())
	lines := make(chan string)
	go func() {
		for in := bufio.NewScanner(os.Stdin); in.Scan(); {
			lines <- in.Text()
		}
		close(lines)
	}()
	report := func() {
		b, _ := json.Marshal(r.count())
		fmt.Println(string(b))
	}
	for {
		select {
		case line, ok := <-lines:
			switch {
			case !ok:
				return
			case line == "settle":
				debug.FreeOSMemory()
				fmt.Println("settled")
			case strings.HasPrefix(line, "profile "): // of the processor, into a file; "": it ends
				pprof.StopCPUProfile()
				if name := strings.TrimPrefix(line, "profile "); name != "" {
					f, err := os.Create(name)
					fail(err)
					fail(pprof.StartCPUProfile(f))
				}
				fmt.Println("profile")
			case line == "shout":
				r.mu.Lock()
				for _, conn := range r.conns {
					system.Root.Send(conn, frame.Text("shouted"))
				}
				r.mu.Unlock()
				fmt.Println("shouted")
			default:
				report()
			}
		case <-term:
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			if role == "gateway" {
				fail(server.Shutdown(ctx))
			}
			fail(node.Shutdown(ctx))
			report()
			return
		}
	}
}

// process is a child.
type process struct {
	testing.TB
	cmd       *exec.Cmd
	in        interface{ Close() error }
	say       func(string)
	out       *bufio.Scanner
	addr, url string
}

func spawn(t testing.TB, role, peer, addr string) *process {
	p := &process{TB: t, cmd: exec.Command(os.Args[0])}
	p.cmd.Env = append(os.Environ(), childEnv+"="+role, childEnv+"_PEER="+peer, childEnv+"_ADDR="+addr)
	p.cmd.Stderr = os.Stderr
	in, err := p.cmd.StdinPipe()
	require.NoError(t, err)
	out, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	p.in, p.say, p.out = in, func(s string) { fmt.Fprintln(in, s) }, bufio.NewScanner(out)
	require.NoError(t, p.cmd.Start())
	t.Cleanup(func() {
		p.signal(syscall.SIGKILL)
		p.cmd.Wait()
	})
	_, err = fmt.Sscan(p.line(), &p.addr, &p.url)
	require.NoError(t, err)
	return p
}

func (p *process) signal(s os.Signal) { p.cmd.Process.Signal(s) }

func (p *process) line() string {
	p.Helper()
	require.True(p, p.out.Scan(), "the child has ended")
	return p.out.Text()
}

// report asks the child what its handler was told.
func (p *process) report() (c counts) {
	p.Helper()
	p.say("report")
	line := p.line()
	require.NoError(p, json.Unmarshal([]byte(line), &c), line)
	return c
}

func (p *process) last() (c counts) {
	p.Helper()
	line := p.line()
	require.NoError(p, json.Unmarshal([]byte(line), &c), line)
	return c
}

// crowd is clients of one server, each of which sends a message and waits for its echo.
func crowd(t *testing.T, n int, url string) (conns []*sockets.Conn) {
	t.Helper()
	for i := range n {
		c := dial(t, url)
		says(t, c, fmt.Sprint("client ", i))
		conns = append(conns, c)
	}
	return conns
}

func says(t *testing.T, c *sockets.Conn, text string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	require.NoError(t, c.Send(ctx, frame.Text(text)))
	f, err := c.Receive(ctx)
	require.NoError(t, err)
	require.Equal(t, text, f.String())
}

// ends waits for the ends of all, which have one of the codes, and nothing before.
func ends(t *testing.T, conns []*sockets.Conn, within time.Duration, codes ...frame.Code) {
	t.Helper()
	began := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for i, c := range conns {
		f, err := c.Receive(ctx)
		require.Error(t, err, "client %d gets %v", i, f)
		var closed *sockets.CloseError
		require.ErrorAs(t, err, &closed)
		require.Contains(t, codes, closed.Code, "client %d: %v", i, err)
	}
	assert.Less(t, time.Since(began), within)
}

// size is a number of clients.
func size(long, short int) int {
	if testing.Short() || os.Getenv("SPINDRIFT_CLUSTER") == "" {
		return short
	}
	return long
}

func refused(t *testing.T, url string) {
	t.Helper()
	_, err := sockets.Dial(t.Context(), url, nil)
	require.ErrorContains(t, err, "503")
}

func TestWorkerIsKilled(t *testing.T) {
	n := size(100, 20)
	worker := spawn(t, "worker", "", "")
	gateway := spawn(t, "gateway", worker.addr, "")
	conns := crowd(t, n, gateway.url)
	worker.signal(syscall.SIGKILL)
	ends(t, conns, time.Second+bySlow, frame.InternalError)
	refused(t, gateway.url)

	again := spawn(t, "worker", "", worker.addr)
	eventually(t, "a link to the worker that was restarted", func() bool {
		c, err := sockets.Dial(t.Context(), gateway.url, nil)
		if err == nil {
			says(t, c, "again")
			c.Close(frame.Normal, "")
		}
		return err == nil
	})
	eventually(t, "its connection's end", func() bool { return again.report().Closed == 1 })
	c := again.report()
	assert.Equal(t, []int{1, 1, 1}, []int{c.Upgraded, c.Frames, c.Clean}, "it hears of none of its predecessor's: %+v", c)
}

// bySlow is what a machine that is busy may add.
const bySlow = 2 * time.Second

func TestWorkerIsRolled(t *testing.T) {
	n := size(100, 20)
	worker := spawn(t, "worker", "", "")
	gateway := spawn(t, "gateway", worker.addr, "")
	conns := crowd(t, n, gateway.url)
	worker.signal(syscall.SIGTERM)
	ends(t, conns, 5*time.Second, frame.ServiceRestart)
	c := worker.last()
	assert.Empty(t, c.Wrong)
	assert.Equal(t, counts{Upgraded: n, Closed: n, Clean: n, Frames: c.Frames, Codes: map[string]int{"1012": n}}, c)
	require.NoError(t, worker.cmd.Wait())
	refused(t, gateway.url)
}

func TestGatewayIsKilled(t *testing.T) {
	n := size(100, 20)
	worker := spawn(t, "worker", "", "")
	gateway := spawn(t, "gateway", worker.addr, "")
	conns := crowd(t, n, gateway.url)
	gateway.signal(syscall.SIGKILL)
	ends(t, conns, time.Second+bySlow, frame.Abnormal)
	eventually(t, "the Closeds", func() bool { return worker.report().Closed == n })
	c := worker.report()
	assert.Equal(t, counts{Upgraded: n, Closed: n, Lost: n, Frames: n, Codes: map[string]int{"1006": n}}, c)
}

func TestGatewayIsRolled(t *testing.T) {
	n := size(100, 20)
	worker := spawn(t, "worker", "", "")
	gateway := spawn(t, "gateway", worker.addr, "")
	conns := crowd(t, n, gateway.url)
	gateway.signal(syscall.SIGTERM)
	ends(t, conns, 5*time.Second, frame.GoingAway)
	gateway.last()
	require.NoError(t, gateway.cmd.Wait())
	c := worker.report() // there is nothing to wait for: all has arrived before the gateway ends
	assert.Empty(t, c.Wrong)
	assert.Equal(t, map[string]int{"1001": n}, c.Codes)
	assert.Equal(t, []int{n, n, n, 0}, []int{c.Upgraded, c.Closed, c.Clean, c.Lost})
}

func TestNodesAreFrozen(t *testing.T) {
	if testing.Short() {
		t.Skip("ten seconds of frost")
	}
	for _, who := range []string{"worker", "gateway"} {
		t.Run(who, func(t *testing.T) {
			t.Parallel()
			n := size(100, 20)
			worker := spawn(t, "worker", "", "")
			gateway := spawn(t, "gateway", worker.addr, "")
			conns := crowd(t, n, gateway.url)
			began := time.Now()
			if who == "worker" {
				require.NoError(t, harness.Freeze(worker.cmd.Process))
				for _, c := range conns { // it would be late
					require.NoError(t, c.Send(t.Context(), frame.Text("late")))
				}
				ends(t, conns, 8*time.Second, frame.InternalError)
				refused(t, gateway.url)
				time.Sleep(time.Until(began.Add(10 * time.Second))) // the frost is to be longer than all that anybody waits
				worker.signal(syscall.SIGCONT)
			} else {
				require.NoError(t, harness.Freeze(gateway.cmd.Process))
				eventually(t, "the Closeds", func() bool { return worker.report().Closed == n })
				for _, c := range conns {
					require.NoError(t, c.Send(t.Context(), frame.Text("late")))
				}
				time.Sleep(time.Until(began.Add(10 * time.Second)))
				gateway.signal(syscall.SIGCONT)
				ends(t, conns, 8*time.Second, frame.InternalError, frame.ServiceRestart)
			}
			eventually(t, "the Closeds", func() bool { return worker.report().Closed == n })
			eventually(t, "a new link", func() bool {
				c, err := sockets.Dial(t.Context(), gateway.url, nil)
				if err == nil {
					says(t, c, "thawed")
					c.Close(frame.Normal, "")
				}
				return err == nil
			})
			eventually(t, "the end of that", func() bool { return worker.report().Closed == n+1 })
			c := worker.report()
			assert.Empty(t, c.Wrong)
			assert.Equal(t, map[string]int{"1006": n, "1000": 1}, c.Codes)
			assert.Equal(t, []int{n + 1, n}, []int{c.Upgraded, c.Lost})
			assert.Equal(t, n+1, c.Frames, "nothing that was sent during the frost")
		})
	}
}

// A gateway that restarts at its address may use PIDs again: what a worker sends to those of its
// predecessor reaches nobody.
func TestGatewayRestartsAtItsAddress(t *testing.T) {
	worker := spawn(t, "worker", "", "")
	gateway := spawn(t, "gateway", worker.addr, "")
	alice := crowd(t, 1, gateway.url)
	for range 3 {
		gateway.signal(syscall.SIGKILL)
		gateway.cmd.Wait()
		ends(t, alice, time.Second+bySlow, frame.Abnormal)
		gateway = spawn(t, "gateway", worker.addr, gateway.addr)
		var bob []*sockets.Conn
		eventually(t, "a link", func() bool {
			c, err := sockets.Dial(t.Context(), gateway.url, nil)
			bob = append(bob[:0], c)
			return err == nil
		})
		says(t, bob[0], "mine")
		worker.say("shout") // to all connections that its handler was ever told of
		worker.line()
		f, err := bob[0].Receive(t.Context())
		require.NoError(t, err)
		require.Equal(t, "shouted", f.String(), "to him, once")
		says(t, bob[0], "mine again")
		alice = bob
	}
	assert.Empty(t, worker.report().Wrong)
}

// A worker restarts at its address under traffic: every echo is one's own, and no connection that was made
// to the new one ends.
func TestWorkerRestartsUnderTraffic(t *testing.T) {
	worker := spawn(t, "worker", "", "")
	gateway := spawn(t, "gateway", worker.addr, "")
	const clients = 10
	var rounds, ended, wrong atomic.Int64
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel()
	for i := range clients {
		all.Go(func() {
			for n := 0; ctx.Err() == nil; {
				c, err := sockets.Dial(ctx, gateway.url, nil)
				for err == nil {
					n++
					text := fmt.Sprint(i, " ", n)
					if err = c.SendText(ctx, text); err == nil {
						var got string
						if got, err = c.ReceiveText(ctx); err == nil {
							rounds.Add(1)
							if got != text {
								wrong.Add(1)
							}
						}
					}
					if err != nil {
						ended.Add(1)
					}
				}
			}
		})
	}
	more := func() {
		t.Helper()
		was := rounds.Load()
		eventually(t, "echoes", func() bool { return rounds.Load() > was+50*clients })
	}
	more()
	for range 3 {
		before := ended.Load()
		worker.signal(syscall.SIGKILL)
		worker.cmd.Wait()
		worker = spawn(t, "worker", "", worker.addr)
		eventually(t, "the ends", func() bool { return ended.Load() == before+clients })
		more()
		more()
		require.Equal(t, before+clients, ended.Load(), "a connection to the new one has ended")
	}
	assert.Zero(t, wrong.Load())
	assert.Empty(t, worker.report().Wrong)
}

// Echo through three processes: order, with many at once.
func TestProcesses(t *testing.T) {
	n, messages := size(100, 20), size(200, 50)
	worker := spawn(t, "worker", "", "")
	gateway := spawn(t, "gateway", worker.addr, "")
	conns := crowd(t, n, gateway.url)
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	failed := make(chan error, 2*n)
	for _, c := range conns {
		go func() {
			for i := range messages {
				if err := c.Send(ctx, frame.Text(fmt.Sprint(i))); err != nil {
					failed <- err
					return
				}
			}
			failed <- nil
		}()
		go func() {
			for i := range messages {
				f, err := c.Receive(ctx)
				if err == nil && f.String() != fmt.Sprint(i) {
					err = fmt.Errorf("%q in place of %d", f, i)
				}
				if err != nil {
					failed <- err
					return
				}
			}
			failed <- nil
		}()
	}
	for range 2 * n {
		require.NoError(t, <-failed)
	}
	for _, c := range conns {
		require.NoError(t, c.Close(frame.Normal, ""))
	}
	eventually(t, "the Closeds", func() bool { return worker.report().Closed == n })
	c := worker.report()
	assert.Empty(t, c.Wrong)
	assert.Equal(t, []int{n, n, n * (messages + 1)}, []int{c.Upgraded, c.Clean, c.Frames})
}
