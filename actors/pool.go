package actors

import "sync"

// pool is a sync.Pool whose balance a test can watch.
type pool struct {
	sync.Pool
	lent func(change int) // nil but in tests
}

func (p *pool) Get() any {
	p.count(1)
	return p.Pool.Get()
}

func (p *pool) Put(x any) {
	p.count(-1)
	p.Pool.Put(x)
}

// forget is for one that is not worth keeping.
func (p *pool) forget() { p.count(-1) }

func (p *pool) count(change int) {
	if p.lent != nil {
		p.lent(change)
	}
}
