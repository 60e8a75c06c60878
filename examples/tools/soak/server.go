package main

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"runtime"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/internal/harness"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/spindrift-go/spindrift/sockets"
)

// server is what is soaked: connections that have handlers of their own, and
// others that share one.
type server struct {
	*sockets.Server
	system *actor.ActorSystem
	counts sockets.Counters
	addr   string
	most   int // connections at a time
}

func start(c config) (*server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	system := sockets.NewSystem()
	options := &sockets.Options{
		MessageTime:  c.message,
		PingInterval: time.Second, // between two messages, that is
		CloseTimeout: 2 * time.Second,
		Compression:  &pipeline.Compression{},
		Portable:     c.portable,
	}
	shared := system.Root.Spawn(actor.PropsFromFunc(echo, sockets.Dispatcher(system)))
	mux := http.NewServeMux()
	mux.Handle("/own", &sockets.Handler{System: system, Spawn: actor.PropsFromFunc(echo), Options: options})
	mux.Handle("/shared", &sockets.Handler{System: system, FrameHandler: shared, Options: options})
	s := &server{
		Server: &sockets.Server{System: system, Server: http.Server{Handler: mux, ErrorLog: log.New(io.Discard, "", 0)}},
		system: system,
		addr:   l.Addr().String(),
		most:   c.conns,
	}
	s.Observers = []*sockets.Observer{s.counts.Observer()}
	go s.Serve(l)
	return s, nil
}

func echo(ctx actor.Context) {
	if f, ok := ctx.Message().(*frame.Frame); ok {
		ctx.Respond(f.Handover())
	}
}

// census is what a leak would add to.
type census struct {
	harness.Census
	conns int
	heap  uint64 // bytes
}

func (c census) String() string {
	return fmt.Sprintf("conns %5d  heap %6.1f MiB  descriptors %5d  goroutines %5d  actors %5d",
		c.conns, float64(c.heap)/(1<<20), c.Descriptors, c.Goroutines, c.Actors)
}

func (s *server) census() (c census) {
	c.conns = s.Connections()
	c.Census = harness.Count(s.system, func() int { return 0 })
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	c.heap = m.HeapAlloc + m.StackInuse
	return c
}

// keeps is what memory may grow by: Go keeps the descriptor of every goroutine
// that there was at a time, and tables that were large once stay large.
func (s *server) keeps() uint64 { return uint64(8<<20 + s.most*2<<10) }

func collect() {
	runtime.GC()
	runtime.GC() // what pools keep goes with the second
}

// settled waits until nothing is left of any connection, and until there is no
// more of anything than there was before; a zero census asks for nothing.
func (s *server) settled(before census, within time.Duration) (now census, err error) {
	for late := time.Now().Add(within); ; time.Sleep(250 * time.Millisecond) { // the dispatcher's workers leave after 200 ms
		collect()
		now = s.census()
		if err = now.over(before, s.keeps()); err == nil || time.Now().After(late) {
			return now, err
		}
	}
}

// over says what there is more of than before, of memory more than keeps bytes.
func (c census) over(before census, keeps uint64) error {
	switch {
	case c.conns > 0:
		return fmt.Errorf("%d connections are left", c.conns)
	case before == census{}:
		return nil
	case c.Actors > before.Actors:
		return fmt.Errorf("%d actors are left, there were %d", c.Actors, before.Actors)
	case c.Descriptors > before.Descriptors:
		return fmt.Errorf("%d descriptors are left, there were %d", c.Descriptors, before.Descriptors)
	case c.Goroutines > before.Goroutines:
		return fmt.Errorf("%d goroutines are left, there were %d", c.Goroutines, before.Goroutines)
	case c.heap > before.heap+keeps:
		return fmt.Errorf("%d bytes of memory are left, there were %d", c.heap, before.heap)
	}
	return nil
}
