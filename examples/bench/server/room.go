package main

import "sync"

// A room is the set of connections on /broadcast. One message at a time goes to all of them, from the goroutine that read it,
// so no connection ever has two writers.
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

// each calls send for every member; a member that cannot be sent to will find out by itself.
func (r *room[C]) each(send func(C) error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for c := range r.members {
		_ = send(c)
	}
}
