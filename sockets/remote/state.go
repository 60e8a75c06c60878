package remote

import (
	"slices"
	"strings"
	"time"
)

// Peer is what a node knows of another.
type Peer struct {
	Addr      string        // "host:port"
	Node      string        // with its incarnation; "" while there is no link
	Leaving   bool          // it takes no new connections
	RoundTrip time.Duration // of the last question
	Handled   int           // connections there whose handlers are here
}

// Peers lists the nodes that this one has tried to reach, or that have reached it. One to which there has
// been no link for a minute is forgotten.
func (n *Node) Peers() (all []Peer) {
	n.mu.Lock()
	peers := make([]*peer, 0, len(n.peers))
	for _, p := range n.peers {
		peers = append(peers, p)
	}
	n.mu.Unlock()
	for _, p := range peers {
		of := Peer{Addr: p.host}
		if l := p.current(); l != nil {
			l.mu.Lock()
			of.Node, of.Leaving, of.RoundTrip, of.Handled = l.remote, l.leaving, l.trip, len(l.books)
			l.mu.Unlock()
		}
		all = append(all, of)
	}
	slices.SortFunc(all, func(a, b Peer) int { return strings.Compare(a.Addr, b.Addr) })
	return all
}

// Stats counts what a node did not hand over.
type Stats struct {
	Handled int   // connections of other nodes whose handlers are here
	Refused int64 // messages that cannot cross, or that other nodes should not have sent
	Late    int64 // messages of connections or links that have ended
}

// Stats returns the counts so far.
func (n *Node) Stats() Stats {
	n.mu.Lock()
	defer n.mu.Unlock()
	return Stats{n.entries, n.counts.refused.Load(), n.counts.late.Load()}
}
