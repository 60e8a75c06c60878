package actors

// links are the neighbours of a T in a list that is linked through its members, so that
// one costs no allocation and leaves at once. The list is its first member.
type links[T any] struct{ next, prev *T }

// link puts x in front of a list; of says which of its links a T has in it.
func link[T any](first **T, x *T, of func(*T) *links[T]) {
	next := *first
	if *of(x) = (links[T]{next: next}); next != nil {
		of(next).prev = x
	}
	*first = x
}

// unlink takes x, which is in it, out of a list.
func unlink[T any](first **T, x *T, of func(*T) *links[T]) {
	l := of(x)
	if l.prev != nil {
		of(l.prev).next = l.next
	} else {
		*first = l.next
	}
	if l.next != nil {
		of(l.next).prev = l.prev
	}
	*l = links[T]{}
}

func inGroup(s *stream) *links[stream]              { return &s.inGroup }
func ofHandler(m *member) *links[member]            { return &m.links }
func ofStream(s *Subscription) *links[Subscription] { return &s.links }
