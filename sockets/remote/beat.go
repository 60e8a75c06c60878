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

// ping asks for an answer to all that was sent before; done is closed when it comes.
func (l *link) ping(done chan struct{}) {
	l.mu.Lock()
	l.pinged++
	n := l.pinged
	if l.pingedAt.IsZero() || l.answered >= n-1 {
		l.pingedAt = time.Now()
	}
	if done != nil {
		l.waiters = append(l.waiters, waiter{n, done})
	}
	l.mu.Unlock()
	if l.out.ask(n) {
		l.call()
	}
}

// beat is called once in a heartbeat.
func (l *link) beat(now time.Time) {
	l.mu.Lock()
	known, silent := l.known && !l.closed, now.Sub(l.heard) > l.node.config.Timeout
	l.mu.Unlock()
	switch {
	case silent:
		l.sever(errSilent)
	case known:
		l.ping(nil)
	}
}

func (l *link) pong(n uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.heard = time.Now()
	if n > l.answered {
		l.answered = n
		if n == l.pinged {
			l.trip = l.heard.Sub(l.pingedAt)
		}
	}
	kept := l.waiters[:0]
	for _, w := range l.waiters {
		if w.ping <= n {
			close(w.done)
		} else {
			kept = append(kept, w)
		}
	}
	l.waiters = kept
	l.readied.Do(func() { close(l.ready) })
}
