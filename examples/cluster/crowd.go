package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/spindrift-go/spindrift/sockets"
)

// seen is what the clients saw.
type seen struct {
	mu    sync.Mutex
	Where map[string]int // clients, by gateway and worker
	Ends  map[string]int // of connections, by close code
	Moved int            // connections that another worker took over
	Away  int            // upgrades that were refused or failed
	Trips int
	Last  time.Duration // the last round trip
}

func newSeen() seen { return seen{Where: map[string]int{}, Ends: map[string]int{}} }

const pace = 100 * time.Millisecond // between two messages of a client, or two attempts

// crowd starts the nodes and n clients, on the gateways in turn, until ctx ends.
func (c *cluster) crowd(ctx context.Context, n int) {
	if err := c.startAll(); err != nil {
		fmt.Println(err)
		return
	}
	var gateways []*nodeProcess
	for _, node := range c.nodes {
		if node.HTTP != "" {
			gateways = append(gateways, node)
		}
	}
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			for ctx.Err() == nil {
				c.client(ctx, gateways[i%len(gateways)])
				sleep(ctx, pace)
			}
		})
	}
	all.Wait()
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// client is one connection, from its upgrade to its end.
func (c *cluster) client(ctx context.Context, gateway *nodeProcess) {
	dialling, cancel := context.WithTimeout(ctx, 2*time.Second)
	conn, err := sockets.Dial(dialling, "ws://"+gateway.HTTP, nil)
	cancel()
	if err != nil {
		c.seen.add(func(s *seen) { s.Away++ })
		return
	}
	defer conn.Cut()
	at := ""
	defer func() { c.seen.add(func(s *seen) { s.Where[at]-- }) }()
	c.seen.add(func(s *seen) { s.Where[at]++ })
	var sent time.Time
	go func() { // asks on and on, and what it is told comes below
		for conn.SendText(ctx, fmt.Sprint(time.Now().UnixNano())) == nil {
			sleep(ctx, pace)
		}
	}()
	for {
		text, err := conn.ReceiveText(ctx)
		if err != nil {
			var end *sockets.CloseError
			if errors.As(err, &end) && ctx.Err() == nil {
				c.seen.add(func(s *seen) { s.Ends[end.Code.String()]++ })
			}
			return
		}
		worker, stamp, echoed := strings.Cut(text, " ")
		now := gateway.Name + worker
		c.seen.add(func(s *seen) {
			if now != at {
				s.Where[at]--
				s.Where[now]++
				if at != "" {
					s.Moved++
				}
				at = now
			}
			var nano int64
			if echoed {
				fmt.Sscan(stamp, &nano)
				sent = time.Unix(0, nano)
				s.Trips++
				s.Last = time.Since(sent)
			}
		})
	}
}

func (s *seen) add(f func(s *seen)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s)
}
