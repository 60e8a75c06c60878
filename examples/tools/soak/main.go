// Command soak keeps thousands of WebSockets busy in this process, ends them in
// every way there is, checks every byte that is echoed, and in the end that
// nothing is left of them.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

type config struct {
	conns      int
	time       time.Duration
	pause      time.Duration
	message    time.Duration // for one to be complete
	every      time.Duration
	seed       uint64
	portable   bool
	nonReading int           // peers that never read, and nothing else; 0: none
	peers      string        // be those, of the server there
	stall      time.Duration // until they are cut
	out        io.Writer
}

func main() {
	c, err := parse(os.Args[1:])
	switch {
	case err == flag.ErrHelp:
		return
	case err != nil:
		fmt.Fprintf(os.Stderr, "soak: %v (-help lists the flags)\n", err)
		os.Exit(2)
	}
	switch {
	case c.peers != "":
		err = bePeers(c)
	case c.nonReading > 0:
		err = nonReading(c, peersAside)
	default:
		err = soak(c)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

func soak(c config) error {
	interrupted, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(interrupted, stop) // a second Ctrl-C kills
	return run(interrupted, c)
}

// bePeers lasts as long as standard input does.
func bePeers(c config) error {
	stop, err := nonReadingPeers(c.peers, c.nonReading)
	if err != nil {
		return err
	}
	defer stop()
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

func parse(args []string) (c config, err error) {
	c.out, c.message, c.stall = os.Stdout, 3*time.Second, 10*time.Second
	flags := flag.NewFlagSet("soak", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.IntVar(&c.conns, "conns", 9000, "connections at a time")
	flags.DurationVar(&c.time, "time", time.Minute, "how long; Ctrl-C ends it as well")
	flags.DurationVar(&c.pause, "pause", 2*time.Second, "of a connection between two messages, on the average")
	flags.DurationVar(&c.every, "every", 5*time.Second, "between two lines of progress")
	flags.Uint64Var(&c.seed, "seed", uint64(time.Now().UnixNano()), "of all that is random")
	flags.BoolVar(&c.portable, "portable", false, "a goroutine for each connection instead of the poller")
	flags.IntVar(&c.nonReading, "nonreading", 0, "in place of all that: so many peers that never read, and are flooded")
	flags.StringVar(&c.peers, "peers", "", "with -nonreading: be the peers of the server at this address")
	if err = flags.Parse(args); err == flag.ErrHelp {
		fmt.Println("usage: soak [flags]")
		flags.SetOutput(os.Stdout)
		flags.PrintDefaults()
		return c, err
	}
	switch {
	case err != nil:
	case flags.NArg() > 0:
		err = fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case c.nonReading < 0 || c.nonReading > 100_000 || c.peers != "" && c.nonReading == 0:
		err = errors.New("-nonreading must be from 0 to 100000, and more than 0 with -peers")
	case c.conns < 1 || c.conns > 100_000 || c.time <= 0 || c.pause <= 0 || c.every <= 0:
		err = errors.New("-conns must be from 1 to 100000, -time, -pause and -every more than 0")
	}
	return c, err
}

// grace is how long everything may take to end and to settle.
const grace = 30 * time.Second

func run(ctx context.Context, c config) error {
	if most := descriptorLimit()/2 - 100; most < c.conns {
		fmt.Fprintf(c.out, "%d connections instead of %d: each takes two descriptors of ulimit -n\n", most, c.conns)
		c.conns = most
	}
	s, err := start(c)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.out, "soak: %d connections for %v, seed %d, portable %v\n", c.conns, c.time, c.seed, c.portable)
	w := newWorkload(c, s)
	w.warm()
	before, err := s.settled(census{}, grace)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.out, "%8s  %s\n", "before", before)

	ctx, cancel := context.WithCancel(ctx) // no deadline: net makes an error of its own of that
	defer cancel()
	defer time.AfterFunc(c.time, cancel).Stop()
	w.begin(ctx)
	progress(ctx, c, s, w)

	fmt.Fprintf(c.out, "draining %d connections\n", s.Connections())
	w.draining.Store(true)
	end, stop := context.WithTimeout(context.Background(), grace)
	defer stop()
	drained, err := s.ShutdownResult(end)
	if err != nil {
		w.fault("shutdown: %v", err)
	}
	w.wait(end)
	after, err := s.settled(before, grace)
	if err != nil {
		w.fault("%v", err)
	}
	if err := w.compare(s.counts.Stats()); err != nil {
		w.fault("%v", err)
	}
	fmt.Fprintf(c.out, "%8s  %s\n", "after", after)
	fmt.Fprintln(c.out, w.summary())
	fmt.Fprintf(c.out, "drained %d, cut %d of them\n", drained.Asked, drained.Cut)
	if faults := w.faulty(); faults != nil {
		return faults
	}
	fmt.Fprintln(c.out, "back at the baseline: memory, descriptors, goroutines, actors; the observer has counted what the clients know of")
	return nil
}

// progress prints a line now and then until the time is over.
func progress(ctx context.Context, c config, s *server, w *workload) {
	t := time.NewTicker(c.every)
	defer t.Stop()
	for began := time.Now(); ; {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			fmt.Fprintf(c.out, "%8s  %s  %s\n", time.Since(began).Round(time.Second), s.census(), w.summary())
		}
	}
}
