package main

import "sync"

// A room is the set of connections on /broadcast, or of their queues.
type room[C comparable] struct {
	mu      sync.Mutex
	members map[C]struct{}
}

func (r *room[C]) join(c C) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.members == nil {
		r.members = make(map[C]struct{})
	}
	r.members[c] = struct{}{}
}

func (r *room[C]) leave(c C) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.members, c)
}

// stalling is the room of whoever sends each message to all members in turn, from the goroutine that read it: no connection
// ever has two writers, nothing costs less, and a member who does not read holds up everyone.
const stalling = "yes: every message goes to all members in turn"

// each calls send for every member; a member that cannot be sent to will find out by itself.
func (r *room[C]) each(send func(C) error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for c := range r.members {
		_ = send(c)
	}
}
