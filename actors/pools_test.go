package actors_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/actors"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/internal/testcert"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/spindrift-go/spindrift/sockets"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestPoolsGetAllBack has connections of package sockets live and end in many ways:
// whatever was taken from the pools here is given back. This is where the pools
// are, so that nothing has to be exported, and nothing counted but in tests.
func TestPoolsGetAllBack(t *testing.T) {
	for name, s := range map[string]stack{
		"poller":       {},
		"poller,TLS":   {tls: true},
		"portable":     {portable: true},
		"portable,TLS": {portable: true, tls: true},
	} {
		t.Run(name, func(t *testing.T) {
			s.T = t
			s.system = actor.NewActorSystem(actor.WithLoggerFactory(sockets.Quiet))
			rt := actors.RuntimeOf(s.system)
			before := rt.Outstanding()
			stop := s.serve()
			var all sync.WaitGroup
			rounds := 3
			if testing.Short() {
				rounds = 1
			}
			for range rounds {
				for _, live := range lives {
					all.Go(func() { live(&s) })
				}
			}
			all.Wait()
			stop()
			late := time.Now().Add(testTimeout)
			for now := rt.Outstanding(); now.More(before); now = rt.Outstanding() {
				require.True(t, time.Now().Before(late), "%+v before, %+v after", before, now)
				time.Sleep(time.Millisecond)
			}
		})
	}
}

const testTimeout = 20 * time.Second

// lives are ways to live and to end.
var lives = []func(s *stack){
	func(s *stack) { // our client, which closes
		conn, echoed := s.ours("/echo")
		for range 100 {
			s.system.Root.Send(conn, frame.Text("small"))
		}
		s.system.Root.Send(conn, frame.Text(large))
		for range 101 {
			_, ok := <-echoed
			assert.True(s, ok, "closed")
		}
		s.system.Root.Send(conn, frame.Close(frame.Normal, ""))
	},
	func(s *stack) { // a message that is a read of its own
		p := s.open("/echo")
		p.write(masked(frame.Text(large[:64<<10])))
		io.CopyN(io.Discard, p.in, 64<<10)
		p.reset()
	},
	func(s *stack) { // our client, which is stopped with all its output
		conn, _ := s.ours("/echo")
		for range 2 {
			s.system.Root.Send(conn, frame.Text(large))
		}
		s.system.Root.Stop(conn)
	},
	func(s *stack) { // our client, which is refused
		_, err := sockets.DialActor(context.Background(), s.system, s.url("/nowhere"), s.client(nil))
		assert.ErrorAs(s, err, new(*sockets.HandshakeError))
	},
	func(s *stack) { // one that is refused by us
		p := s.dial()
		p.write("GET /echo HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 12\r\n\r\n")
		io.Copy(io.Discard, p.in)
	},
	func(s *stack) { // one that is left open
		p := s.open("/echo")
		p.write(masked(frame.Text("hello")))
		p.in.ReadByte()
	},
	func(s *stack) { // reset in the middle of a frame
		p := s.open("/echo")
		p.write(maskedLarge[:40<<10])
		p.reset()
	},
	func(s *stack) { // half-closed in the middle of a frame
		p := s.open("/echo")
		p.write(maskedLarge[:40<<10])
		p.tcp.CloseWrite()
		io.Copy(io.Discard, p.in)
	},
	func(s *stack) { // a violation behind much else
		p := s.open("/echo")
		p.write(strings.Repeat(masked(frame.Text("small")), 1000) + "\x83\x80\x00\x00\x00\x00")
		io.Copy(io.Discard, p.in)
	},
	func(s *stack) { // never reads
		p := s.open("/echo")
		for range 20 {
			p.SetDeadline(time.Now().Add(time.Second / 4))
			if _, err := io.WriteString(p, maskedLarge); err != nil {
				break
			}
		}
		p.reset()
	},
	func(s *stack) { // floods a handler that is stuck
		p := s.open("/stuck")
		p.SetDeadline(time.Now().Add(time.Second / 4))
		io.WriteString(p, strings.Repeat(masked(frame.Text("small")), 100_000))
		p.reset()
	},
	func(s *stack) { // makes a handler panic
		p := s.open("/panic")
		p.write(strings.Repeat(masked(frame.Text("small")), 1000))
		io.Copy(io.Discard, p.in)
	},
	func(s *stack) { // makes a stage call runtime.Goexit
		p := s.open("/exit")
		p.write(strings.Repeat(masked(frame.Text("small")), 1000))
		io.Copy(io.Discard, p.in)
	},
	func(s *stack) { // makes a stage panic
		p := s.open("/stage")
		p.write(strings.Repeat(masked(frame.Text("small")), 1000))
		io.Copy(io.Discard, p.in)
	},
}

// large is a text that a few deflate windows do not shrink to nothing.
var large = func() string {
	var b strings.Builder
	for r := rand.New(rand.NewPCG(1, 2)); b.Len() < 480<<10; {
		fmt.Fprint(&b, r.Uint64(), " ")
	}
	return b.String()
}()

var maskedLarge = masked(frame.Text(large))

// stack is a server, and who is to talk to it.
type stack struct {
	*testing.T
	portable, tls bool
	system        *actor.ActorSystem
	addr          string
	free          chan struct{}           // closed when a stuck handler may go on
	also          func(ctx actor.Context) // a handler of /also; nil: there is none
}

func (s *stack) serve() (stop func()) {
	s.free = make(chan struct{})
	mux := http.NewServeMux()
	handle := func(path string, stage pipeline.Stage, receive func(ctx actor.Context)) {
		h := &sockets.Handler{System: s.system, Spawn: actor.PropsFromFunc(receive), Options: s.options()}
		if stage != nil {
			h.Stages = []pipeline.Stage{stage}
		}
		mux.Handle(path, h)
	}
	isFrame := func(item any) bool { _, ok := item.(*frame.Frame); return ok }
	echo := func(ctx actor.Context) {
		if f, ok := ctx.Message().(*frame.Frame); ok {
			ctx.Respond(f.Handover())
		}
	}
	handle("/echo", nil, echo)
	handle("/stuck", nil, func(ctx actor.Context) {
		if isFrame(ctx.Message()) {
			<-s.free
		}
	})
	handle("/panic", nil, func(ctx actor.Context) {
		if isFrame(ctx.Message()) {
			panic("handler")
		}
	})
	handle("/stage", pipeline.Tap(func(item any) {
		if isFrame(item) {
			panic("stage")
		}
	}, nil), echo)
	handle("/exit", pipeline.Tap(func(item any) {
		if isFrame(item) {
			runtime.Goexit()
		}
	}, nil), echo)
	if s.also != nil {
		handle("/also", nil, s.also)
	}
	server := &sockets.Server{System: s.system, Server: http.Server{Handler: mux, ErrorLog: log.New(io.Discard, "", 0), TLSConfig: testcert.Server()}}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(s, err)
	s.addr = l.Addr().String()
	over := make(chan struct{})
	go func() {
		defer close(over)
		if s.tls {
			server.ServeTLS(l, "", "")
		} else {
			server.Serve(l)
		}
	}()
	return func() {
		close(s.free)
		now, cancel := context.WithCancel(context.Background())
		cancel()
		server.ShutdownResult(now) // what is left is cut
		server.Close()
		<-over
	}
}

func (s *stack) options() *sockets.Options {
	return &sockets.Options{Portable: s.portable, Compression: &pipeline.Compression{}}
}

func (s *stack) url(path string) string {
	if s.tls {
		return "wss://" + s.addr + path
	}
	return "ws://" + s.addr + path
}

// client is of our own; echoed is told of each message, and closed.
func (s *stack) client(echoed chan struct{}) *sockets.UpgradeClient {
	return &sockets.UpgradeClient{
		Spawn: actor.PropsFromFunc(func(ctx actor.Context) {
			switch m := ctx.Message().(type) {
			case *frame.Frame:
				m.Release()
				echoed <- struct{}{}
			case *sockets.Closed:
				close(echoed)
			}
		}),
		Options: s.options(),
		Dialer:  sockets.Dialer{TLS: testcert.Client()},
	}
}

func (s *stack) ours(path string) (conn *actor.PID, echoed chan struct{}) {
	echoed = make(chan struct{}, 1000)
	conn, err := sockets.DialActor(context.Background(), s.system, s.url(path), s.client(echoed))
	assert.NoError(s, err)
	return conn, echoed
}

// peer is a client that knows nothing of ours.
type peer struct {
	net.Conn
	*stack
	tcp *net.TCPConn
	in  *bufio.Reader
}

func (s *stack) dial() *peer {
	nc, err := net.Dial("tcp", s.addr)
	if !assert.NoError(s, err) {
		s.FailNow()
	}
	p := &peer{Conn: nc, stack: s, tcp: nc.(*net.TCPConn)}
	if s.tls {
		p.Conn = tls.Client(nc, testcert.Client())
	}
	p.SetDeadline(time.Now().Add(testTimeout))
	p.in = bufio.NewReader(p)
	s.Cleanup(func() { p.tcp.Close() })
	return p
}

// open has it upgraded.
func (s *stack) open(path string) *peer {
	p := s.dial()
	p.write("GET " + path + " HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" +
		"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
	r, err := http.ReadResponse(p.in, nil)
	if assert.NoError(s, err) {
		assert.Equal(s, http.StatusSwitchingProtocols, r.StatusCode)
	}
	return p
}

// write does not mind a server that has had enough.
func (p *peer) write(text string) { io.WriteString(p, text) }

func (p *peer) reset() {
	p.tcp.SetLinger(0)
	p.tcp.Close()
}

func masked(f *frame.Frame) string {
	return string(frame.AppendMasked(nil, f, [4]byte{1, 2, 3, 4}))
}
