package main

import (
	"context"
	"flag"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spindrift-go/spindrift/sockets"
)

// The bounds of ws load, which -mine lifts.
const (
	mostConnections = 1000
	mostTime        = time.Minute
	mostRate        = 50_000 // messages a second, all connections together
	mostSize        = 1 << 20
)

// loading is ws load.
type loading struct {
	*console
	connecting
	address        string
	conns, size    int
	rate           float64
	duration, ramp time.Duration
	grace          time.Duration
	mine, binary   bool

	began                                         time.Time
	open, failed                                  atomic.Int64
	sent, answered, unanswered, strange, bytesOut atomic.Int64
	handshake, latency                            histogram
	mu                                            sync.Mutex
	errors                                        map[string]int
	first                                         error
}

const loadUsage = `usage: ws load [flags] URL

  Opens connections to a server that echoes, sends messages on each and measures how long they take to come back.
  With -rate a message is sent at its time whether or not the one before has come back, and its time counts from
  when it was due: a server that stalls is not spared. With -rate 0 each connection sends when the answer has come.
  Without -mine: this machine only, %d connections, %v, %d messages a second and %d bytes at most.
`

func load(ctx context.Context, args []string, c *console) error {
	l := &loading{console: c, errors: map[string]int{}}
	flags := flag.NewFlagSet("ws load", flag.ContinueOnError)
	l.connecting.flags(flags)
	flags.IntVar(&l.conns, "c", 10, "connections")
	flags.Float64Var(&l.rate, "rate", 10, "messages a second on each connection; 0: one after the other")
	flags.IntVar(&l.size, "size", 64, "`BYTES` of a message")
	flags.DurationVar(&l.duration, "d", 10*time.Second, "how long to send")
	flags.DurationVar(&l.ramp, "ramp", time.Second, "in which the connections are opened, one after the other")
	flags.DurationVar(&l.grace, "grace", 2*time.Second, "how long to wait for answers when sending is over")
	flags.BoolVar(&l.binary, "binary", false, "binary messages in place of text")
	flags.BoolVar(&c.json, "json", false, "the result as a JSON object")
	flags.BoolVar(&l.mine, "mine", false, "the server is mine, or its owner has agreed: no bounds, and any machine")
	operands, err := parse(flags, args, c, fmt.Sprintf(loadUsage, mostConnections, mostTime, mostRate, mostSize))
	if err != nil {
		return err
	}
	if l.address, err = target(operands); err != nil {
		return err
	}
	if err := l.check(); err != nil {
		return err
	}
	o, err := l.options()
	if err != nil {
		return err
	}
	return l.run(ctx, o)
}

// check refuses what makes no sense, and what is too much.
func (l *loading) check() error {
	switch {
	case l.conns < 1 || l.size < 1 || l.duration <= 0 || !(l.rate >= 0) || l.ramp < 0 || l.grace < 0: // -rate NaN too
		return misusef("-c, -size and -d must be more than 0, -rate, -ramp and -grace not less")
	case l.max >= 0 && int64(l.size) > l.max:
		return misusef("-size %d is more than -max %d", l.size, l.max)
	case l.mine:
		return nil
	case !loopback(hostOf(l.address)):
		return misusef("%s is another machine: -mine says that you may put load on it", hostOf(l.address))
	case l.conns > mostConnections:
		return misusef("-c %d is more than %d: -mine lifts the bounds", l.conns, mostConnections)
	case l.duration > mostTime:
		return misusef("-d %v is more than %v: -mine lifts the bounds", l.duration, mostTime)
	case l.rate*float64(l.conns) > mostRate:
		return misusef("-rate %v on %d connections is more than %d messages a second: -mine lifts the bounds", l.rate, l.conns, mostRate)
	case l.size > mostSize:
		return misusef("-size %d is more than %d: -mine lifts the bounds", l.size, mostSize)
	}
	return nil
}

// run opens the connections, waits for their end and reports.
func (l *loading) run(ctx context.Context, o *sockets.DialOptions) error {
	l.began = time.Now()
	ctx, cancel := context.WithTimeout(ctx, l.ramp+l.duration)
	defer cancel()
	over := make(chan struct{})
	shown := make(chan struct{})
	go func() { defer close(shown); l.progress(over) }()
	var all sync.WaitGroup
opening:
	for i := range l.conns {
		if i > 0 {
			select {
			case <-time.After(time.Until(l.began.Add(l.ramp * time.Duration(i) / time.Duration(l.conns)))):
			case <-ctx.Done():
				break opening
			}
		}
		all.Go(func() { l.connection(ctx, i, o) })
	}
	all.Wait()
	close(over)
	<-shown
	l.report(time.Since(l.began))
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.first
}

// fail notes what went wrong on a connection.
func (l *loading) fail(err error) {
	l.failed.Add(1)
	_, line := verdict(err)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.errors[line]++; l.first == nil {
		l.first = err
	}
}
