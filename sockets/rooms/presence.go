package rooms

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/spindrift-go/spindrift/sockets"
)

const (
	beat      = time.Second            // how often a node says that it is there
	tellEvery = 100 * time.Millisecond // how often at most the members of a room are told
)

// presence is who is in the rooms of other nodes, and how they hear of those here.
type presence struct {
	node    *Node
	subject string
	started int64         // tells a node from the one that had its name before
	asked   chan struct{} // has something when the others want to be told all
	missed  chan struct{} // has something when not all came that another has said
	done    chan struct{}
	over    sync.WaitGroup
	told    map[string]uint64 // joins and leaves that the others know, by room; of the own goroutine, which alone publishes
	news    uint64            // reports with Rooms so far; likewise

	mu    sync.Mutex
	nodes map[string]*neighbour
}

// neighbour is another node.
type neighbour struct {
	started int64
	news    uint64 // its reports with Rooms, up to which none was missed
	seen    time.Time
	rooms   map[string][]string // names of members
}

// report is what a node says of itself.
type report struct {
	Node    string
	Started int64
	Rooms   map[string][]string `json:",omitempty"` // that have changed; of one that is empty no name
	All     bool                `json:",omitempty"` // Rooms are all that there are
	Ask     bool                `json:",omitempty"` // the others are to tell all
	News    uint64              // reports with Rooms so far, this one included: for who has missed one
	Left    bool                `json:",omitempty"`
}

// news reports whether who does not hear r knows too little from then on.
func (r *report) news() bool { return r.All || len(r.Rooms) > 0 }

func (n *Node) beginPresence() error {
	p := &presence{node: n, subject: n.config.Prefix + ".presence", started: time.Now().UnixNano(),
		asked: make(chan struct{}, 1), missed: make(chan struct{}, 1), done: make(chan struct{}),
		told: map[string]uint64{}, nodes: map[string]*neighbour{}}
	if _, err := n.nats.Subscribe(p.subject, p.hear); err != nil {
		return err
	}
	n.presence = p
	p.over.Go(p.run)
	return nil
}

// run tells the others. Who leaves by itself is noticed within tellEvery.
func (p *presence) run() {
	pace := time.NewTicker(tellEvery)
	defer pace.Stop()
	p.tell(report{Ask: true})
	last := time.Now()
	for {
		select {
		case <-p.done:
			p.tell(report{Left: true})
			return
		case <-p.missed:
			p.tell(report{Ask: true})
		case <-p.asked:
			p.tell(report{All: true, Rooms: p.changes(true)})
			last = time.Now()
		case now := <-pace.C:
			p.forget(now)
			if rooms := p.changes(false); len(rooms) > 0 || now.Sub(last) >= beat {
				p.tell(report{Rooms: rooms})
				last = now
			}
		}
	}
}

// changes are the rooms whose members the others do not know, or all that have any.
func (p *presence) changes(all bool) map[string][]string {
	rooms := map[string][]string{}
	for _, r := range p.node.all() {
		s := r.here.Stats()
		version := s.Joined + s.Left + s.Renamed
		if !all && p.told[r.name] == version {
			continue
		}
		names := []string{}
		for _, m := range r.here.Members() {
			names = append(names, m.Name)
		}
		p.told[r.name] = version
		if len(names) > 0 || !all {
			rooms[r.name] = names
		}
	}
	return rooms
}

// tell publishes a report.
func (p *presence) tell(m report) {
	if m.news() {
		p.news++
	}
	m.Node, m.Started, m.News = p.node.config.Name, p.started, p.news
	b, err := json.Marshal(m)
	if err == nil {
		err = p.node.nats.Publish(p.subject, b)
	}
	if err != nil {
		p.node.failed(fmt.Errorf("rooms: presence: %w", err))
	}
}

// hear takes what another node says.
func (p *presence) hear(m *nats.Msg) {
	var r report
	if err := json.Unmarshal(m.Data, &r); err != nil {
		p.node.failed(fmt.Errorf("rooms: presence: %w", err))
		return
	}
	if r.Node == p.node.config.Name {
		if r.Started != p.started {
			p.node.failed(fmt.Errorf("rooms: another node is called %q too", r.Node))
		}
		return
	}
	if r.Ask {
		note(p.asked)
	}
	if p.learn(&r) {
		note(p.missed)
	}
}

// note has the own goroutine do what c stands for.
func note(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// learn keeps what a node says. It reports whether something before it was missed.
func (p *presence) learn(r *report) (missed bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := p.nodes[r.Node]
	switch {
	case n != nil && r.Started < n.started: // late, of one that is gone
		return false
	case r.Left:
		delete(p.nodes, r.Node)
		return false
	case n == nil || n.started != r.Started:
		n = &neighbour{started: r.Started, rooms: map[string][]string{}}
		p.nodes[r.Node] = n
	}
	n.seen = time.Now()
	next := n.news
	if r.news() {
		next++
	}
	switch {
	case r.All:
		clear(n.rooms)
		n.news = r.News
	case r.News == next:
		n.news = next
	default: // it is asked for All
		missed = true
	}
	for room, names := range r.Rooms {
		if len(names) == 0 {
			delete(n.rooms, room)
		} else {
			n.rooms[room] = names
		}
	}
	return missed
}

// forget drops nodes that are silent.
func (p *presence) forget(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	maps.DeleteFunc(p.nodes, func(_ string, n *neighbour) bool { return now.Sub(n.seen) > p.node.config.PresenceTimeout })
}

func (p *presence) count(room string) (all int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, n := range p.nodes {
		all += len(n.rooms[room])
	}
	return all
}

func (p *presence) members(room string) (all []sockets.Member) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for name, n := range p.nodes {
		for _, m := range n.rooms[room] {
			all = append(all, sockets.Member{Name: m, Node: name})
		}
	}
	return all
}

// Nodes are the other nodes that were heard lately, sorted; with Config.Presence only.
func (n *Node) Nodes() []string {
	p := n.presence
	if p == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Sorted(maps.Keys(p.nodes))
}

func (p *presence) stop() {
	close(p.done)
	p.over.Wait()
}
