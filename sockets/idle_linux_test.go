package sockets_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"runtime/pprof"
	"syscall"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets"
	"github.com/stretchr/testify/require"
)

// conns is how many are measured at a time.
const conns = 5000

// BenchmarkIdle prints what an idle upgraded connection costs: bytes of heap and
// stack, and goroutines. Each has echoed one message. The peers are bare
// descriptors, which cost the process nothing it would count. Run one row in a process, as
// make idle does: the runtime keeps what a goroutine was made of for the next one. PROFILE in the
// environment names a file for a profile of the heap while they are there; that of the heap before
// them, to be subtracted, has .before behind its name.
func BenchmarkIdle(b *testing.B) {
	echo := func(ctx actor.Context) {
		if f, ok := ctx.Message().(*frame.Frame); ok {
			ctx.Respond(f)
		}
	}
	for _, handler := range []string{"shared", "own"} {
		for _, portable := range []bool{false, true} {
			b.Run(fmt.Sprintf("%s/portable=%v", handler, portable), func(b *testing.B) {
				system := sockets.NewSystem()
				h := &sockets.Handler{System: system, Options: &sockets.Options{Portable: portable}}
				if handler == "own" {
					h.Spawn = actor.PropsFromFunc(echo)
				} else {
					h.FrameHandler = system.Root.Spawn(actor.PropsFromFunc(echo, sockets.Dispatcher(system)))
				}
				measureIdle(b, system, h)
			})
		}
	}
	session := func(ctx context.Context, c *sockets.Conn) error {
		for {
			f, err := c.Receive(ctx)
			if err != nil {
				return err
			}
			if err := c.Send(ctx, f); err != nil {
				return err
			}
		}
	}
	rows := map[string]http.Handler{
		"session": sockets.Session(session),
		"accept": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { // waits in ServeHTTP
			if c, err := sockets.Accept(w, r, nil); err == nil {
				session(c.Context(), c)
			}
		}),
		"hijacked": http.HandlerFunc(hijacked), // what net/http's goroutine costs alone
	}
	for _, name := range []string{"session", "accept", "hijacked"} {
		b.Run(name, func(b *testing.B) { measureIdle(b, sockets.DefaultSystem(), rows[name]) })
	}
	b.Run("dial", measureIdleClient)
}

// hijacked speaks as much WebSocket as dialBare does, and waits as others do.
func hijacked(w http.ResponseWriter, r *http.Request) {
	c, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer c.Close()
	io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\n\r\n")
	var p [11]byte
	io.ReadFull(rw, p[:])
	io.WriteString(c, "hello")
	c.Read(p[:1])
}

// measureIdleClient measures dialled Conns.
func measureIdleClient(b *testing.B) {
	dial := dialler(b)
	dial()
	measure(b, dial)
}

// dialler returns what opens a Conn that waits in Receive. Its servers are bare descriptors.
func dialler(t testing.TB) (dial func()) {
	fds := make(chan int, 1)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var own []int
	t.Cleanup(func() {
		l.Close()
		for _, fd := range own {
			syscall.Close(fd)
		}
	})
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			r, err := http.ReadRequest(bufio.NewReader(c))
			require.NoError(t, err)
			fmt.Fprintf(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
				sockets.AcceptKey(r.Header.Get("Sec-Websocket-Key")))
			f, err := c.(*net.TCPConn).File() // a descriptor of its own
			require.NoError(t, err)
			fd, err := syscall.Dup(int(f.Fd()))
			require.NoError(t, err)
			f.Close()
			c.Close()
			fds <- fd
		}
	}()
	return func() {
		c, err := sockets.Dial(context.Background(), "ws://"+l.Addr().String(), nil)
		require.NoError(t, err)
		own = append(own, <-fds)
		go c.Receive(c.Context())
		require.NoError(t, c.SendText(c.Context(), "hello"))
	}
}

func measureIdle(b *testing.B, system *actor.ActorSystem, h http.Handler) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(b, err)
	server := &sockets.Server{System: system, Server: http.Server{Handler: h}}
	go server.Serve(l)
	defer server.Close()
	port := l.Addr().(*net.TCPAddr).Port
	warm := dialBare(b, port) // what is made once is not a connection's
	defer syscall.Close(warm)
	var fds []int
	measure(b, func() { fds = append(fds, dialBare(b, port)) })
	for _, fd := range fds {
		syscall.Close(fd)
	}
}

// measure measures what many of what open makes cost.
func measure(b *testing.B, open func()) {
	footprint() // collects garbage: a profile is as of a collection
	profileHeap(b, ".before")
	before, goroutines := footprint()
	for range conns {
		open()
	}
	require.Eventually(b, func() bool { return runtime.NumGoroutine() <= goroutines+conns*2 }, 5*time.Second, 10*time.Millisecond)
	time.Sleep(500 * time.Millisecond) // the dispatcher's parked workers leave
	after, more := footprint()
	profileHeap(b, "")
	b.ReportMetric(float64(after-before)/conns, "B/conn")
	b.ReportMetric(float64(more-goroutines)/conns, "goroutines/conn")
	b.ReportMetric(0, "ns/op")
}

// profileHeap writes a profile of the heap if PROFILE names a file for it.
func profileHeap(b *testing.B, suffix string) {
	path := os.Getenv("PROFILE")
	if path == "" {
		return
	}
	profile, err := os.Create(path + suffix)
	require.NoError(b, err)
	defer profile.Close()
	require.NoError(b, pprof.Lookup("heap").WriteTo(profile, 0))
}

// dialBare opens a WebSocket and has a message echoed, without the net package.
func dialBare(b testing.TB, port int) (fd int) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	require.NoError(b, err)
	require.NoError(b, syscall.Connect(fd, &syscall.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}))
	say := func(p []byte) {
		_, err := syscall.Write(fd, p)
		require.NoError(b, err)
	}
	hear := func(end []byte) {
		var got []byte
		buf := make([]byte, 1024)
		for !bytes.HasSuffix(got, end) {
			n, err := syscall.Read(fd, buf)
			require.NoError(b, err)
			require.NotZero(b, n)
			got = append(got, buf[:n]...)
		}
	}
	say([]byte("GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"))
	hear([]byte("\r\n\r\n"))
	say(frame.AppendMasked(nil, frame.Text("hello"), [4]byte{1, 2, 3, 4}))
	hear([]byte("hello"))
	return fd
}
