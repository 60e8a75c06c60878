package sockets

import (
	"errors"
	"log"
	"net"
	"sync"
	"syscall"
	"time"
)

// retryListener is a listener that waits while the system has no descriptor or memory
// for another connection. It says so once, where net/http would at every try, and
// not again for a while: under load, connections that end make space for one.
type retryListener struct {
	net.Listener
	log    *log.Logger // nil: the standard one
	closed chan struct{}
	once   sync.Once

	mu   sync.Mutex
	said time.Time // that it waits
}

// repeatAfter is the least time between two lines that say that a listener waits.
const repeatAfter = time.Minute

func (s *Server) retrying(l net.Listener) net.Listener {
	return &retryListener{Listener: l, log: s.ErrorLog, closed: make(chan struct{})}
}

// Accept returns connections as the listener below makes them.
func (p *retryListener) Accept() (net.Conn, error) {
	const first, longest = 5 * time.Millisecond, time.Second
	said := false
	for pause := first; ; pause = min(2*pause, longest) {
		nc, err := p.Listener.Accept()
		if !exhausted(err) {
			if err == nil && said {
				p.say("sockets: accepting connections again")
			}
			return nc, err
		}
		if pause == first && p.mayLog() {
			said = true
			p.say("sockets: no connection can be accepted for now: " + err.Error())
		}
		t := time.NewTimer(pause)
		select {
		case <-t.C:
		case <-p.closed:
			t.Stop()
			return nil, net.ErrClosed
		}
	}
}

// Close ends a pause as well. That the listener is closed already, by another Serve of the same, is no error.
func (p *retryListener) Close() error {
	p.once.Do(func() { close(p.closed) })
	if err := p.Listener.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

func (p *retryListener) mayLog() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.said.IsZero() && time.Since(p.said) < repeatAfter {
		return false
	}
	p.said = time.Now()
	return true
}

func (p *retryListener) say(line string) {
	if p.log != nil {
		p.log.Print(line)
	} else {
		log.Print(line)
	}
}

func exhausted(err error) bool {
	for _, e := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
