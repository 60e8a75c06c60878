package remote

import (
	"context"
	"errors"
	"sync"
	"time"
)

// peer is a place, "host:port", where a node is or may be. There is one link at most, which
// either side has asked for; if both ask at a time, that of the lower address is made.
type peer struct {
	node *Node
	host string

	mu      sync.Mutex
	link    *link // works both ways; nil: there is none
	since   time.Time
	attempt *attempt // to have one; nil: none goes on
	making  int      // links that are being made, asked for by either
	failed  time.Time
	err     error     // of the last attempt
	idle    time.Time // since when there is no link, and none is made
	gone    bool      // another peer has its place: see forgetPeers
}

// attempt is what waits for a link.
type attempt struct {
	done chan struct{}
	link *link
	err  error
}

var (
	errCrossed   = errors.New("its own link to here is being made")
	errForgotten = errors.New("it was not asked for in a minute: ask again")
)

func (n *Node) peer(host string) *peer {
	n.mu.Lock()
	defer n.mu.Unlock()
	p := n.peers[host]
	if p == nil {
		p = &peer{node: n, host: host, idle: time.Now()}
		n.peers[host] = p
	}
	return p
}

// keepPeers is how long a place is remembered to which there is no link. Where each node that starts has
// another address they would be more and more.
const keepPeers = time.Minute

// forgetPeers forgets places that nobody has asked for lately.
func (n *Node) forgetPeers(now time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for host, p := range n.peers {
		if !p.mu.TryLock() { // somebody asks; and mu may not be waited for under n.mu
			continue
		}
		if p.link == nil && p.attempt == nil && p.making == 0 && now.Sub(p.idle) > keepPeers {
			p.gone = true
			delete(n.peers, host)
		}
		p.mu.Unlock()
	}
}

func (p *peer) current() *link {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.link
}

// start begins an attempt if there is no link, and none goes on or has just failed.
func (p *peer) start() (*attempt, *link, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.gone:
		return nil, nil, &AwayError{p.host, errForgotten}
	case p.link != nil:
		return nil, p.link, nil
	case p.attempt != nil:
		return p.attempt, nil, nil
	case time.Since(p.failed) < p.node.config.DialTimeout/4:
		return nil, nil, p.err
	}
	a := &attempt{done: make(chan struct{})}
	if !p.node.goes(func() { p.dial(a) }) {
		return nil, nil, &AwayError{p.host, errStopped}
	}
	p.attempt = a
	p.making++
	return a, nil, nil
}

// connect waits for a link.
func (p *peer) connect(ctx context.Context) (*link, error) {
	a, l, err := p.start()
	if a == nil {
		return l, err
	}
	select {
	case <-a.done:
		return a.link, a.err
	case <-ctx.Done():
		return nil, &AwayError{p.host, context.Cause(ctx)}
	}
}

// dial asks the node there for a link.
func (p *peer) dial(a *attempt) {
	n := p.node
	l, ok := n.newLink(p, newLinkName())
	if !ok {
		p.made(nil, errStopped)
		return
	}
	welcome, err := n.ask(p.host, l.name)
	if err != nil {
		l.sever(err)
		if errors.Is(err, errCrossed) { // it will ask
			select {
			case <-a.done:
			case <-time.After(n.config.DialTimeout):
			case <-n.stop:
			}
		}
		p.made(nil, err)
		return
	}
	l.know(welcome.Node, welcome.Leaving)
	l.ping(nil)
	p.await(l)
}

// await waits until a link works both ways.
func (p *peer) await(l *link) {
	timer := time.NewTimer(p.node.config.Timeout)
	defer timer.Stop()
	select {
	case <-l.ready:
		p.made(l, nil)
	case <-l.lost:
		p.made(nil, ErrLinkLost)
	case <-timer.C:
		l.sever(errSilent)
		p.made(nil, errSilent)
	}
}

// made ends the making of a link: l is there, or err says why there is none.
func (p *peer) made(l *link, err error) {
	p.mu.Lock()
	p.making--
	old := p.link
	switch {
	case l != nil:
		p.link, p.since = l, time.Now()
	case p.making > 0 || p.attempt == nil:
		p.mu.Unlock()
		return
	default:
		p.failed, p.err = time.Now(), &AwayError{p.host, err}
		p.idle = p.failed
	}
	if a := p.attempt; a != nil {
		p.attempt = nil
		a.link = l
		if l == nil {
			a.err = p.err
		}
		close(a.done)
	}
	p.mu.Unlock()
	if l == nil {
		return
	}
	p.node.config.Log.Info("link to a node", "node", l.remote)
	if old != nil {
		old.sever(errAnother)
	}
	select {
	case <-l.lost: // before it was the link
		p.severed(l)
	default:
	}
}

func (p *peer) severed(l *link) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.link == l {
		p.link, p.idle = nil, time.Now()
	}
}

// accept makes the link that the node from has asked for, or refuses with errCrossed.
func (p *peer) accept(from, name string) (*link, error) {
	n := p.node
	first := n.address < from
	p.mu.Lock()
	old := p.link
	switch {
	case p.gone:
		p.mu.Unlock()
		return nil, errForgotten
	case old != nil && first && old.remote == from && time.Since(p.since) < 2*n.config.DialTimeout:
		p.mu.Unlock()
		return nil, errCrossed
	case old == nil && first && p.attempt != nil:
		p.mu.Unlock()
		return nil, errCrossed
	}
	if p.attempt == nil {
		p.attempt = &attempt{done: make(chan struct{})}
	}
	p.making++
	p.link = nil
	p.mu.Unlock()
	if old != nil { // it asks because it has none any more
		old.sever(errAnother)
	}
	l, ok := n.newLink(p, name)
	if !ok {
		p.made(nil, errStopped)
		return nil, errStopped
	}
	return l, nil
}
