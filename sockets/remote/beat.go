package remote

import (
	"time"
)

// goes runs f beside, unless the node has stopped, which waits for it.
func (n *Node) goes(f func()) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.stopped {
		return false
	}
	n.work.Go(f)
	return true
}

// beat asks each link for a sign of life, and keeps those to Config.Peers.
func (n *Node) beat() {
	ticker := time.NewTicker(n.config.Heartbeat)
	defer ticker.Stop()
	for {
		for _, addr := range n.config.Peers {
			if addr != n.Addr() {
				n.peer(addr).start()
			}
		}
		select {
		case now := <-ticker.C:
			for _, l := range n.allLinks() {
				l.beat(now)
			}
			n.forgetPeers(now)
		case <-n.stop:
			return
		}
	}
}

// complain logs a mistake, once a second at most.
func (n *Node) complain(msg string, args ...any) {
	now, last := time.Now().UnixNano(), n.said.Load()
	if now-last >= int64(time.Second) && n.said.CompareAndSwap(last, now) {
		n.config.Log.Error("remote: "+msg, args...)
	}
}
