// Package pool has sync.Pools whose balance a test can read.
package pool

import (
	"sync"
	"sync/atomic"
)

// Pool is a sync.Pool that can count what was taken and not given back.
type Pool struct {
	pool  sync.Pool
	name  string
	taken atomic.Int64
}

// counting is set by CountAll, before anything is taken: no program but a test does.
var counting bool

// all pools of the program. It grows while packages are initialised, and is only read afterwards.
var all []*Pool

// New returns a pool of what make makes. It is for package-level variables.
func New(name string, make func() any) *Pool {
	p := &Pool{pool: sync.Pool{New: make}, name: name}
	all = append(all, p)
	return p
}

// Get takes one.
func (p *Pool) Get() any {
	p.count(1)
	return p.pool.Get()
}

// Put gives one back.
func (p *Pool) Put(x any) {
	p.count(-1)
	p.pool.Put(x)
}

// Drop is Put for one that is not worth keeping, or that has become somebody else's.
func (p *Pool) Drop() { p.count(-1) }

// Return is for one that was dropped: others may use it after all.
func (p *Pool) Return(x any) { p.pool.Put(x) }

func (p *Pool) count(change int64) {
	if counting {
		p.taken.Add(change)
	}
}

// CountAll has all pools count from now on. A test calls it before anything is taken, in an init function or in TestMain.
func CountAll() { counting = true }

// Outstanding is how many were taken from each pool and not given back, by the names of the pools.
func Outstanding() map[string]int {
	n := make(map[string]int, len(all))
	for _, p := range all {
		n[p.name] = int(p.taken.Load())
	}
	return n
}
