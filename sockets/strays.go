package sockets

import (
	"net"
	"net/http"
	"reflect"
	"sync"
	"sync/atomic"

	"github.com/spindrift-go/spindrift/actors"
)

// strays finds the Server of a request whose context no longer says it, because
// middleware has put another in its place. The connection does: net/http tells the
// server of it when it is hijacked, before the one who hijacks has it.
var strays straySet

type straySet struct {
	wanted atomic.Int32 // strays that are being hijacked at the moment
	mu     sync.Mutex
	sets   map[net.Conn]*connSet // hijacked meanwhile
}

// hijacked is told by every Server of its connections.
func (s *straySet) hijacked(nc net.Conn, of *connSet) {
	if s.wanted.Load() == 0 || !isKey(nc) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.wanted.Load() == 0 {
		return
	}
	if s.sets == nil {
		s.sets = make(map[net.Conn]*connSet)
	}
	s.sets[nc] = of
}

// hijack takes a connection and returns the set of its server; nil: it has none.
func (s *straySet) hijack(w http.ResponseWriter) (nc net.Conn, first []byte, of *connSet, err error) {
	s.wanted.Add(1)
	nc, first, err = actors.Hijack(w)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		of = s.find(nc)
	}
	if s.wanted.Add(-1) == 0 {
		clear(s.sets) // those that others have hijacked
	}
	return nc, first, of, err
}

// find looks for nc, or what it is a wrapping of.
func (s *straySet) find(nc net.Conn) *connSet {
	for nc != nil && isKey(nc) {
		if of, ok := s.sets[nc]; ok {
			return of
		}
		over, ok := nc.(interface{ NetConn() net.Conn })
		if !ok {
			return nil
		}
		nc = over.NetConn()
	}
	return nil
}

// isKey reports whether nc can be the key of a map. A listener of the program's may make connections that are no
// pointers, and have a function in them, say.
func isKey(nc net.Conn) bool { return reflect.ValueOf(nc).Comparable() }
