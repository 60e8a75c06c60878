// Package linked has doubly linked lists whose members carry the links: joining one allocates nothing, and leaving one takes the same
// time in a list of any length.
package linked

// Links are the neighbours of a T in one list, and a field of the T. The list itself is a pointer to its first member; nil: it is empty.
type Links[T any] struct{ Next, prev *T }

// Add puts x, which is not in the list, in front of it. links finds the Links that a T has for this list.
func Add[T any](first **T, x *T, links func(*T) *Links[T]) {
	next := *first
	*links(x) = Links[T]{Next: next}
	if next != nil {
		links(next).prev = x
	}
	*first = x
}

// Remove takes x, which is in the list, out of it.
func Remove[T any](first **T, x *T, links func(*T) *Links[T]) {
	l := links(x)
	if l.prev != nil {
		links(l.prev).Next = l.Next
	} else {
		*first = l.Next
	}
	if l.Next != nil {
		links(l.Next).prev = l.prev
	}
	*l = Links[T]{}
}
