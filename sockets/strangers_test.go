package sockets

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/stretchr/testify/require"
)

// Strangers share a process: each payload carries its owner's name, and no byte of one
// may reach another, whatever the handlers of some of them do with frames. Short here;
// SPINDRIFT_STRANGERS=10m has a thousand connections for that long.
func TestStrangersShareNothing(t *testing.T) {
	long, _ := time.ParseDuration(os.Getenv("SPINDRIFT_STRANGERS"))
	sampled(t, func(w *world) {
		s := &strangers{world: w, many: 24, last: 300 * time.Millisecond}
		if long > 0 {
			s.many, s.last = 1000, long/time.Duration(len(settings))
		}
		s.run()
	})
}

// tagSize is how often the owner's name stands in a payload.
const tagSize = 8

// tag names an owner. Owner 0 is everybody: of broadcasts.
func tag(owner int) string { return fmt.Sprintf("<%06d>", owner) }

func ownedBy(owner, size int) []byte {
	return bytes.Repeat([]byte(tag(owner)), size/tagSize+1)[:size]
}

// isForeign reports whether p has bytes that are not owner's, nor a broadcast's.
func isForeign(p []byte, owner int) bool {
	return !bytes.Equal(p, ownedBy(owner, len(p))) && !bytes.Equal(p, ownedBy(0, len(p)))
}

// manners are what handlers do with a message that they answer.
var manners = []struct {
	name string
	good bool
	do   func(ctx actor.Context, f *frame.Frame)
}{
	{"keeps it", true, func(ctx actor.Context, f *frame.Frame) { ctx.Respond(f) }},
	{"hands it over", true, func(ctx actor.Context, f *frame.Frame) { ctx.Respond(f.Handover()) }},
	{"answers with a copy", true, func(ctx actor.Context, f *frame.Frame) {
		g := frame.New(f.Opcode, len(f.Payload))
		g.Payload = append(g.Payload, f.Payload...)
		f.Release()
		ctx.Respond(g.Handover())
	}},
	{"answers in two", true, func(ctx actor.Context, f *frame.Frame) {
		half := len(f.Payload) / tagSize / 2 * tagSize
		p := bytes.Clone(f.Payload)
		f.Release()
		ctx.Respond(frame.Fragment(frame.OpBinary, false, p[:half]))
		ctx.Respond(frame.Fragment(frame.OpContinuation, true, p[half:]))
	}},
	{"releases twice", false, func(ctx actor.Context, f *frame.Frame) {
		ctx.Respond(frame.Binary(bytes.Clone(f.Payload)))
		f.Release()
		f.Release()
	}},
	{"answers with what it has released", false, func(ctx actor.Context, f *frame.Frame) {
		f.Release()
		ctx.Respond(f)
	}},
	{"looks at what it has released", false, func(ctx actor.Context, f *frame.Frame) {
		f.Release()
		ctx.Respond(frame.Binary(f.Payload))
	}},
	{"releases what it has sent", false, func(ctx actor.Context, f *frame.Frame) {
		ctx.Respond(f)
		f.Release()
	}},
	{"releases what it has handed over", false, func(ctx actor.Context, f *frame.Frame) {
		ctx.Respond(f.Handover())
		f.Release()
	}},
	{"hands over twice", false, func(ctx actor.Context, f *frame.Frame) {
		ctx.Respond(f.Handover())
		ctx.Respond(f.Handover())
	}},
	{"releases by turns", false, func(ctx actor.Context, f *frame.Frame) {
		f.Release()
		ctx.Respond(f.Handover())
		f.Release()
	}},
}

// strangers is a server of handlers with all manners, on all terms, and its clients, some of
// which come by a Proxy. All are in one room.
type strangers struct {
	*world
	room *LocalRoom
	many int
	last time.Duration

	members  sync.Map       // PIDs of the server's connections
	taken    []atomic.Int64 // by the server's handlers, of each owner
	answers  atomic.Int64
	leaks    atomic.Int64
	mistaken atomic.Int64 // good ones that were ended
}

// compressions are all terms on which a message may be compressed.
var compressions = []*pipeline.Compression{
	nil,
	{Threshold: -1},
	{Threshold: 1},
	{Threshold: 64},
	{},
	{Threshold: 8 << 10},
	{Threshold: -1, ContextTakeover: true},
	{ContextTakeover: true},
	{Threshold: -1, WindowBits: 9},
}

func (s *strangers) run() {
	s.taken = make([]atomic.Int64, s.many+1)
	mux := http.NewServeMux()
	for m := range manners {
		for c := range compressions {
			mux.Handle(fmt.Sprintf("/%d/%d", m, c), s.handling(m, c))
		}
	}
	s.room = NewRoom(&RoomOptions{System: s.system, MaxOut: -1})
	addr := s.dropIn(mux)
	scheme := "ws"
	if s.tls {
		scheme = "wss"
	}
	for c := range compressions {
		mux.Handle(fmt.Sprintf("/by/%d/", c), s.proxy(scheme, addr, c))
	}
	ctx, cancel := context.WithCancel(s.Context())
	var all sync.WaitGroup
	for owner := 1; owner <= s.many; owner++ {
		m, c := owner%len(manners), owner/2%len(compressions)
		by := ""
		if owner%3 == 0 {
			by = fmt.Sprintf("/by/%d", c)
		}
		url := fmt.Sprintf("%s://%s%s/%d/%d?owner=%d", scheme, addr, by, m, c, owner)
		all.Go(func() {
			for ctx.Err() == nil {
				s.client(ctx, owner, m, c, url)
			}
		})
	}
	all.Go(func() { s.broadcast(ctx) })
	time.Sleep(s.last)
	enough := until(func() bool { return s.answers.Load() >= int64(s.many) })
	cancel()
	all.Wait()
	require.Zero(s, s.leaks.Load(), "payloads with bytes of others")
	require.Zero(s, s.mistaken.Load(), "connections of good handlers that were ended")
	require.True(s, enough, "only %d answers", s.answers.Load())
	s.Logf("%d answers", s.answers.Load())
}

// proxy carries clients on terms c to the routes of the same server.
func (s *strangers) proxy(scheme, addr string, c int) http.Handler {
	p := NewProxy(&url.URL{Scheme: scheme, Host: addr})
	rewrite := p.Rewrite
	p.Rewrite = func(r *httputil.ProxyRequest) {
		rewrite(r)
		r.Out.URL.Path = strings.TrimPrefix(r.Out.URL.Path, fmt.Sprintf("/by/%d", c))
	}
	p.System, p.Options, p.Backend = s.system, s.options(c), s.options(0)
	p.Dialer = Dialer{TLS: clientTLS(), Timeout: -1}
	return p
}

// handling is a route whose handlers have manner m, on terms c.
func (s *strangers) handling(m, c int) http.Handler {
	return &Handler{
		System:  s.system,
		Options: s.options(c),
		Spawn: actor.PropsFromProducer(func() actor.Actor {
			owner := 0
			return actor.ReceiveFunc(func(ctx actor.Context) {
				switch msg := ctx.Message().(type) {
				case *Upgraded:
					owner, _ = strconv.Atoi(msg.Request.URL.Query().Get("owner"))
					s.members.Store(ctx.Sender(), nil)
					s.room.Join(ctx.Sender(), "") // the error of one that has ended meanwhile
				case *frame.Frame:
					s.look(msg, owner)
					manners[m].do(ctx, msg)
					s.taken[owner].Add(1)
				case *Closed:
					s.members.Delete(ctx.Sender())
				}
			})
		}),
	}
}

// options have nothing end for want of time: the machine may be busy.
func (s *strangers) options(c int) *Options {
	return &Options{
		Portable: s.portable, Compression: compressions[c], MaxOut: 64 << 20,
		PingInterval: -1, MessageTime: -1, WriteStall: -1, CloseTimeout: testTimeout,
	}
}

func (s *strangers) look(f *frame.Frame, owner int) {
	if isForeign(f.Payload, owner) {
		if s.leaks.Add(1) < 4 {
			s.Errorf("owner %d got a %v of %d bytes that begins %.40q", owner, f.Opcode, len(f.Payload), f.Payload)
		}
	}
}

// client is one connection, for as long as it lasts.
func (s *strangers) client(ctx context.Context, owner, m, c int, url string) {
	closed := make(chan *Closed, 1)
	answered := make(chan struct{}, 1)
	u := &UpgradeClient{
		Options: s.options(c),
		Spawn: actor.PropsFromFunc(func(ctx actor.Context) {
			switch msg := ctx.Message().(type) {
			case *frame.Frame:
				s.look(msg, owner)
				s.answers.Add(1)
				msg.Release()
				select {
				case answered <- struct{}{}:
				default:
				}
			case *Closed:
				closed <- msg
			}
		}),
		Dialer: Dialer{TLS: clientTLS(), Timeout: -1},
	}
	conn, err := DialActor(ctx, s.system, url, u)
	if err != nil {
		time.Sleep(time.Duration(s.many) * time.Millisecond) // there is a rush
		return
	}
	random := rand.New(rand.NewPCG(uint64(owner), uint64(time.Now().UnixNano())))
	for ctx.Err() == nil {
		sent := int64(1 + random.IntN(4))
		all := s.taken[owner].Load() + sent
		for range sent {
			s.talk(conn, owner, random)
		}
		// No answer: who misuses a frame may owe it. But no more is sent than is taken, so that
		// a busy machine has little to finish at the end.
		for waiting := true; waiting && ctx.Err() == nil; {
			select {
			case <-answered:
				waiting = false
			case m := <-closed:
				s.judge(m, owner)
				return
			case <-time.After(time.Duration(s.many) * 2 * time.Millisecond):
				waiting = s.taken[owner].Load() < all
			case <-ctx.Done():
			}
		}
	}
	s.system.Root.Send(conn, frame.Close(frame.Normal, ""))
	select {
	case <-closed: // a handler that misuses frames may end it first
	case <-time.After(testTimeout + s.last):
		s.Errorf("owner %d, %s: no Closed", owner, manners[m].name)
	}
}

// judge: who misuses a frame may be ended, and nobody else.
func (s *strangers) judge(m *Closed, owner int) {
	manner := manners[owner%len(manners)]
	if manner.good {
		s.mistaken.Add(1)
		s.Errorf("owner %d, whose handler %s: closed with %v %s, %v", owner, manner.name, m.Code, m.Reason, m.Err)
	}
}

// talk sends a message of one owner's, of a size at which something begins or ends.
func (s *strangers) talk(conn *actor.PID, owner int, random *rand.Rand) {
	sizes := [...]int{0, 8, 64, 72, 80, 512, 4088, 4096, 4104, 8 << 10, 20 << 10, 70 << 10, 300 << 10}
	size := sizes[min(random.IntN(len(sizes)), random.IntN(len(sizes)))]
	switch random.IntN(4) {
	case 0:
		s.system.Root.Send(conn, frame.TextBytes(ownedBy(owner, size)))
	case 1:
		f := frame.New(frame.OpBinary, size)
		f.Payload = append(f.Payload, ownedBy(owner, size)...)
		s.system.Root.Send(conn, f.Handover())
	case 2:
		s.system.Root.Send(conn, frame.Text(string(ownedBy(owner, size))))
	case 3:
		f := frame.New(frame.OpText, size)
		f.Fin, f.Payload = false, append(f.Payload, ownedBy(owner, size)...)
		s.system.Root.Send(conn, f.Handover())
		rest := size % tagSize
		s.system.Root.Send(conn, frame.Fragment(frame.OpContinuation, true, ownedBy(owner, rest+size)[rest:]))
	}
}

// broadcast sends one frame to all, again and again, when all have written the one before.
func (s *strangers) broadcast(ctx context.Context) {
	for i := 0; ctx.Err() == nil; i++ {
		f := frame.Text(string(ownedBy(0, tagSize<<(i%12))))
		var written []*actor.Future
		if i%2 == 0 {
			s.room.Send(f)
		}
		s.members.Range(func(conn, _ any) bool {
			if i%2 == 1 {
				s.system.Root.Send(conn.(*actor.PID), f)
			}
			written = append(written, s.system.Root.RequestFuture(conn.(*actor.PID), &Flush{}, testTimeout))
			return true
		})
		for _, w := range written {
			w.Wait() // the error of one that has ended meanwhile
		}
		time.Sleep(time.Duration(s.many) * 200 * time.Microsecond)
	}
}
