package serve

import "sync"

// A Room is the set of connections on /broadcast, or of their queues.
type Room[C comparable] struct {
	mu      sync.Mutex
	members map[C]struct{}
}

func (r *Room[C]) Join(c C) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.members == nil {
		r.members = make(map[C]struct{})
	}
	r.members[c] = struct{}{}
}

func (r *Room[C]) Leave(c C) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.members, c)
}

// Stalling is the room of whoever sends each message to all members in turn, from the goroutine that read it: no connection
// ever has two writers, nothing costs less, and a member who does not read holds up everyone.
const Stalling = "yes: every message goes to all members in turn"

// Each calls send for every member; a member that cannot be sent to will find out by itself.
func (r *Room[C]) Each(send func(C) error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for c := range r.members {
		_ = send(c)
	}
}
