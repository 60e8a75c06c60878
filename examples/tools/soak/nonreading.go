package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/actors"
	"github.com/spindrift-go/spindrift/sockets"
)

// What one peer that never reads may cost: the output that waits, and by the
// policies that drop as much as brings Backpressure besides; the connection; and
// what a buffer that grows has to spare. A goroutine that reads has a buffer and a
// stack, one that writes likewise.
const (
	nonReadingOut      = 16 << 10
	nonReadingOverhead = 16 << 10
	nonReadingPortable = 24 << 10
	nonReadingMessages = 96 // of 1 KiB, to each
	nonReadingBuffers  = 4 << 10
	nonReadingAtATime  = 500 // dialled
)

// startPeers starts peers that open a WebSocket each and never read, until stop.
type startPeers func(addr string, n int) (stop func() error, err error)

// nonReading floods peers that do not read, and has the server get rid of them.
func nonReading(c config, peers startPeers) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	system := sockets.NewSystem()
	crowd := &crowd{members: map[string]*member{}, all: make(chan struct{}), size: c.nonReading}
	handler := system.Root.Spawn(actor.PropsFromFunc(crowd.Receive, sockets.Dispatcher(system)))
	mux := http.NewServeMux()
	for path, policy := range map[string]sockets.Policy{"/close": sockets.CloseSlow, "/newest": sockets.DropNewest, "/oldest": sockets.DropOldest} {
		mux.Handle(path, &sockets.Handler{System: system, FrameHandler: handler, Options: &sockets.Options{
			MaxOut: nonReadingOut, MaxBurst: nonReadingOut, HighWater: nonReadingOut / 4, LowWater: nonReadingOut / 8, WhenFull: policy,
			WriteStall: c.stall, CloseTimeout: c.stall, Portable: c.portable,
		}})
	}
	s := &server{
		Server: &sockets.Server{System: system, Server: http.Server{Handler: mux, ErrorLog: log.New(io.Discard, "", 0)}},
		system: system,
		addr:   l.Addr().String(),
		most:   c.nonReading,
	}
	s.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		c.(*net.TCPConn).SetWriteBuffer(nonReadingBuffers)
		return ctx
	}
	go s.Serve(l)
	defer s.Close()
	before, err := s.settled(census{}, grace)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.out, "nonreading: %d peers that never read, portable %v, %d bytes of output each\n%8s  %s\n", c.nonReading, c.portable, nonReadingOut, "before", before)
	stop, err := peers(s.addr, c.nonReading)
	if err != nil {
		return err
	}
	defer stop()
	select {
	case <-crowd.all:
	case <-time.After(grace):
		return fmt.Errorf("only %d have come", s.Connections())
	}
	idle, _ := s.settledAt(before)
	fmt.Fprintf(c.out, "%8s  %s\n", "idle", idle)
	crowd.flood(system)
	full, each := s.settledAt(before)
	fmt.Fprintf(c.out, "%8s  %s  %d bytes each\n", "flooded", full, each)
	most := nonReadingOut + nonReadingOverhead
	if c.portable {
		most += nonReadingPortable
	}
	late := time.Now().Add(2 * grace)
	for s.Connections() > 0 && time.Now().Before(late) { // nothing makes progress
		time.Sleep(100 * time.Millisecond)
	}
	system.Root.PoisonFuture(handler).Wait()
	fmt.Fprintln(c.out, crowd.summary())
	faults := []error{crowd.judge()}
	if each > most {
		faults = append(faults, fmt.Errorf("%d bytes each, more than %d", each, most))
	}
	faults = append(faults, stop())
	before.Actors-- // the handler
	pollers := actors.RuntimeOf(system).Dispatcher().Groups()
	before.Descriptors += pollers // the first connection has brought them, each with a goroutine, and the server keeps them
	before.Goroutines += pollers
	after, err := s.settled(before, grace)
	fmt.Fprintf(c.out, "%8s  %s\n", "after", after)
	if err := errors.Join(append(faults, err)...); err != nil {
		return err
	}
	fmt.Fprintln(c.out, "back at the baseline: memory, descriptors, goroutines, actors")
	return nil
}

// settledAt is a census without garbage, and how much memory each connection has
// added.
func (s *server) settledAt(before census) (now census, each int) {
	collect()
	now = s.census()
	return now, (int(now.heap) - int(before.heap)) / s.most
}
