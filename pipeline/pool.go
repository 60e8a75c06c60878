package pipeline

import "sync"

// pool is a sync.Pool of one type, whose balance a test can watch.
type pool[T any] struct {
	free     sync.Pool
	onChange func(change int) // nil but in tests
}

// get takes one out; ok is false if there is none to be had, and the caller
// makes one.
func (p *pool[T]) get() (v T, ok bool) {
	if p.onChange != nil {
		p.onChange(1)
	}
	v, ok = p.free.Get().(T)
	return v, ok
}

func (p *pool[T]) put(v T) {
	if p.onChange != nil {
		p.onChange(-1)
	}
	p.free.Put(v)
}
