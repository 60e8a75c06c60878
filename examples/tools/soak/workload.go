package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// workload is all clients: most are bare sockets with a goroutine each, every
// sixteenth is a connection of our own.
type workload struct {
	config
	server   *server
	draining atomic.Bool // ends of all kinds are to be expected
	running  sync.WaitGroup
	dialing  chan struct{} // no more at a time than a backlog holds

	messages, bytes, lives atomic.Int64
	asked, upgraded        atomic.Int64 // handshakes that were begun, and that were a success

	mu     sync.Mutex
	ends   map[string]int // lives, by how they ended
	faults []string
	more   int // faults
}

func newWorkload(c config, s *server) *workload {
	return &workload{config: c, server: s, dialing: make(chan struct{}, 64), ends: map[string]int{}}
}

// slot is a place for one connection after the other.
type slot struct {
	*workload
	*rand.Rand
	number int
}

func (w *workload) slot(i int) *slot {
	return &slot{workload: w, number: i, Rand: rand.New(rand.NewPCG(w.seed, uint64(i)))}
}

// warm makes once what is made once: a life of each kind.
func (w *workload) warm() {
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	noPause := *w.slot(-1)
	var all sync.WaitGroup
	for i := range len(endings) {
		s := w.slot(-1 - i)
		all.Go(func() { s.bare(ctx, 1, endings[i]) })
	}
	all.Go(func() { noPause.ours(ctx, 1) })
	all.Wait()
}

// begin fills all slots and keeps them full until ctx ends.
func (w *workload) begin(ctx context.Context) {
	for i := range w.conns {
		s := w.slot(i)
		w.running.Go(func() {
			for ctx.Err() == nil {
				fine, rounds := false, 1+s.IntN(30)
				if s.number%16 == 15 {
					fine = s.ours(ctx, rounds)
				} else {
					fine = s.bare(ctx, rounds, endings[s.IntN(len(endings))])
				}
				if !fine {
					s.rest(ctx)
				}
			}
		})
	}
}

// wait waits until all slots are empty.
func (w *workload) wait(ctx context.Context) {
	done := make(chan struct{})
	go func() {
		w.running.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
		w.fault("clients have not ended")
	}
}

// wait is half to one and a half of the average pause.
func (s *slot) wait() time.Duration { return s.pause/2 + time.Duration(s.Int64N(int64(s.pause))) }

// rest is a pause; false if ctx ends it.
func (s *slot) rest(ctx context.Context) bool {
	t := time.NewTimer(s.wait())
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// message is from 1 byte to 64 KiB, as many of one order of magnitude as of
// another. Text is ASCII.
func (s *slot) message(text bool) []byte {
	p := make([]byte, int(math.Exp2(16*s.Float64())))
	for i := range p {
		if p[i] = byte(s.Uint32()); text {
			p[i] = 'a' + p[i]%26
		}
	}
	return p
}

// dial connects from one of 16 addresses: one alone would run out of ports.
func (s *slot) dial(ctx context.Context) (*net.TCPConn, error) {
	s.dialing <- struct{}{}
	defer func() { <-s.dialing }()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(1+(s.number&15)))}}
	nc, err := d.DialContext(ctx, "tcp", s.server.addr)
	if err != nil && ctx.Err() == nil { // there is one loopback address on some systems
		nc, err = new(net.Dialer).DialContext(ctx, "tcp", s.server.addr)
	}
	if err != nil {
		return nil, err
	}
	return nc.(*net.TCPConn), nil
}

// echoed counts a message that came back as it was.
func (w *workload) echoed(size int) {
	w.messages.Add(1)
	w.bytes.Add(int64(size))
}

// ended counts the end of a life.
func (w *workload) ended(how string) {
	w.lives.Add(1)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ends[how]++
}

// fault remembers what should not have happened; the first few of them.
func (w *workload) fault(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.faults) < 10 {
		w.faults = append(w.faults, fmt.Sprintf(format, args...))
	} else {
		w.more++
	}
}

func (w *workload) faulty() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.faults) == 0 {
		return nil
	}
	s := strings.Join(w.faults, "\n  ")
	if w.more > 0 {
		s += fmt.Sprintf("\n  and %d more", w.more)
	}
	return errors.New("faults:\n  " + s)
}

func (w *workload) summary() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var ends []string
	for how, n := range w.ends {
		ends = append(ends, fmt.Sprintf("%s %d", how, n))
	}
	slices.Sort(ends)
	return fmt.Sprintf("echoed %d messages, %d MiB  ended %d: %s  faults %d",
		w.messages.Load(), w.bytes.Load()>>20, w.lives.Load(), strings.Join(ends, ", "), len(w.faults)+w.more)
}
