package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
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

	Heard   int                       // messages of the room, by all of its members together
	Missed  int                       // that came to others only
	Said    []*said                   // what was said by hand, latest first
	Present map[string]map[string]int // members by node, as each gateway knows it
}

// said is something that was said by hand.
type said struct {
	Text, By string
	Heard    int // by so many clients
}

func newSeen() seen {
	return seen{Where: map[string]int{}, Ends: map[string]int{}, Present: map[string]map[string]int{}}
}

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
	for _, g := range gateways {
		all.Go(func() { c.askWhoIsThere(ctx, g) })
	}
	for i := range n {
		all.Go(func() {
			for ctx.Err() == nil {
				c.client(ctx, gateways[i%len(gateways)], i)
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

// speakers is how many clients say something in the room, each time they ask.
const speakers = 4

// client is one connection, from its upgrade to its end.
func (c *cluster) client(ctx context.Context, gateway *nodeProcess, i int) {
	dialling, cancel := context.WithTimeout(ctx, 2*time.Second)
	conn, err := sockets.Dial(dialling, fmt.Sprintf("ws://%s/?name=client-%d", gateway.HTTP, i+1), nil)
	cancel()
	if err != nil {
		c.seen.add(func(s *seen) { s.Away++ })
		return
	}
	defer conn.Cut()
	v := &visit{gateway: gateway.Name, last: map[string]int{}}
	defer func() { c.seen.add(func(s *seen) { s.Where[v.at]-- }) }()
	c.seen.add(func(s *seen) { s.Where[v.at]++ })
	ctx, leave := context.WithCancel(ctx)
	defer leave()
	go c.ask(ctx, conn, i)
	for {
		text, err := conn.ReceiveText(ctx)
		if err != nil {
			var end *sockets.CloseError
			if errors.As(err, &end) && ctx.Err() == nil {
				c.seen.add(func(s *seen) { s.Ends[end.Code.String()]++ })
			}
			return
		}
		c.seen.add(func(s *seen) { v.hear(s, text) })
	}
}

// ask asks on and on; what comes back is heard elsewhere.
func (c *cluster) ask(ctx context.Context, conn *sockets.Conn, i int) {
	for conn.SendText(ctx, fmt.Sprint(time.Now().UnixNano())) == nil {
		if i < speakers {
			conn.SendText(ctx, "say ")
		}
		select {
		case text := <-c.says:
			conn.SendText(ctx, "say "+text)
		default:
		}
		sleep(ctx, pace)
	}
}

// visit is what one connection has heard.
type visit struct {
	gateway string
	at      string         // the gateway and the worker
	last    map[string]int // the last number of each who speaks in the room
}

func (v *visit) hear(s *seen, text string) {
	var m speech
	if json.Unmarshal([]byte(text), &m) == nil && m.Room != "" {
		v.hearRoom(s, m)
		return
	}
	worker, stamp, echoed := strings.Cut(text, " ")
	if now := v.gateway + worker; now != v.at {
		s.Where[v.at]--
		s.Where[now]++
		if v.at != "" {
			s.Moved++
		}
		v.at = now
	}
	if nano, err := strconv.ParseInt(stamp, 10, 64); echoed && err == nil {
		s.Trips++
		s.Last = time.Since(time.Unix(0, nano))
	}
}

func (v *visit) hearRoom(s *seen, m speech) {
	s.Heard++
	if last, known := v.last[m.Room]; known {
		s.Missed += m.Number - last - 1
	}
	v.last[m.Room] = m.Number
	if m.Text == "" {
		return
	}
	for _, of := range s.Said {
		if of.Text == m.Text {
			of.Heard++
			return
		}
	}
	worker, _, _ := strings.Cut(m.Room, " ")
	s.Said = append([]*said{{m.Text, worker, 1}}, s.Said[:min(len(s.Said), 4)]...)
}

// askWhoIsThere asks a gateway again and again who is in the room.
func (c *cluster) askWhoIsThere(ctx context.Context, gateway *nodeProcess) {
	client := &http.Client{Timeout: time.Second}
	for ctx.Err() == nil {
		var names map[string][]string
		if r, err := client.Get("http://" + gateway.HTTP + "/present"); err == nil {
			json.NewDecoder(r.Body).Decode(&names)
			r.Body.Close()
		}
		counts := map[string]int{}
		for node, members := range names {
			counts[node] = len(members)
		}
		c.seen.add(func(s *seen) {
			if s.Present[gateway.Name] = counts; names == nil {
				delete(s.Present, gateway.Name)
			}
		})
		sleep(ctx, 3*pace)
	}
}

func (s *seen) add(f func(s *seen)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s)
}
