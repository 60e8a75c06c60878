package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/actors"
	"github.com/spindrift-go/spindrift/frame"
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

// crowd is the handler of all of them.
type crowd struct {
	size int
	all  chan struct{} // closed when all have come

	mu      sync.Mutex
	conns   []*actor.PID
	members map[string]*member
}

// member is what was told of a connection.
type member struct {
	pressed, closed int
	lost            sockets.Dropped
	code            frame.Code
}

// Receive is a turn.
func (c *crowd) Receive(ctx actor.Context) {
	if ctx.Sender() == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	who := c.members[ctx.Sender().Id]
	switch m := ctx.Message().(type) {
	case *sockets.Upgraded:
		c.conns = append(c.conns, ctx.Sender())
		c.members[ctx.Sender().Id] = new(member)
		if len(c.conns) == c.size {
			close(c.all)
		}
	case *sockets.Backpressure:
		who.pressed++
	case *sockets.Dropped:
		who.lost.Messages += m.Messages
		who.lost.Bytes += m.Bytes
	case *sockets.Closed:
		who.closed++
		who.code = m.Code
	}
}

// flood sends everybody more than there is space for, and returns when the
// connections have dealt with it.
func (c *crowd) flood(system *actor.ActorSystem) {
	for range nonReadingMessages {
		for _, conn := range c.conns {
			f := frame.New(frame.OpBinary, 1<<10)
			f.Payload = append(f.Payload, make([]byte, 1<<10)...)
			system.Root.Send(conn, f)
		}
	}
	for _, conn := range c.conns {
		system.Root.RequestFuture(conn, &actor.Touch{}, grace).Wait()
	}
}

// judge: everybody was told Backpressure, and one end, which is 1008.
func (c *crowd) judge() error {
	for id, m := range c.members {
		if m.pressed == 0 || m.closed != 1 || m.code != frame.PolicyViolation || m.lost.Bytes != m.lost.Messages<<10 {
			return fmt.Errorf("%s was told %+v", id, *m)
		}
	}
	return nil
}

func (c *crowd) summary() string {
	pressed, dropping, closed, lost := 0, 0, 0, 0
	for _, m := range c.members {
		pressed += min(m.pressed, 1)
		dropping += min(m.lost.Messages, 1)
		closed += m.closed
		lost += m.lost.Messages
	}
	return fmt.Sprintf("told Backpressure %d, Dropped %d (%d messages), Closed %d", pressed, dropping, lost, closed)
}

// peersAside starts this program again: the descriptors of both ends are more than
// one process may have.
func peersAside(addr string, n int) (stop func() error, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, "-nonreading", fmt.Sprint(n), "-peers", addr)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return sync.OnceValue(func() error {
		in.Close()
		return cmd.Wait()
	}), nil
}

// nonReadingPeers opens n connections that are never read from.
func nonReadingPeers(addr string, n int) (stop func() error, err error) {
	conns := make([]net.Conn, n)
	stop = sync.OnceValue(func() error {
		for _, nc := range conns {
			if nc != nil {
				nc.Close()
			}
		}
		return nil
	})
	errs := make(chan error, n)
	dialling := make(chan struct{}, nonReadingAtATime)
	for i := range conns {
		dialling <- struct{}{}
		go func() {
			defer func() { <-dialling }()
			var err error
			conns[i], err = nonReadingPeer(addr, []string{"/close", "/newest", "/oldest"}[i%3])
			errs <- err
		}()
	}
	for range conns {
		err = errors.Join(err, <-errs)
	}
	if err != nil {
		stop()
		return nil, err
	}
	return stop, nil
}

func nonReadingPeer(addr, path string) (net.Conn, error) {
	d := net.Dialer{Control: smallWindow}
	nc, err := d.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	nc.SetDeadline(time.Now().Add(grace))
	fmt.Fprintf(nc, "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n", path, addr)
	status, err := bufio.NewReader(nc).ReadString('\n')
	if err == nil && status != "HTTP/1.1 101 Switching Protocols\r\n" {
		err = errors.New(status)
	}
	if err != nil {
		nc.Close()
		return nil, err
	}
	return nc, nil
}
