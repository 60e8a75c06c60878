//go:build !spindriftdebug

package frame

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What a program and two pipelines may do to a frame, in orders that are mistakes as
// well: its memory goes back once, when nobody has it, and never before.
func TestOwner(t *testing.T) {
	type step = func(f *Frame) (refused bool)
	release := func(f *Frame) bool { f.Release(); return false }
	handover := func(f *Frame) bool { f.Handover(); return false }
	take := func(f *Frame) bool { return !f.Take() }
	sent := func(f *Frame) bool { f.Sent(); return false }
	for _, tt := range []struct {
		name    string
		steps   []step
		refused bool // the last step is
		free    bool // after the last step, and not before
	}{
		{"released", []step{release}, false, true},
		{"sent and kept", []step{take, sent}, false, false},
		{"sent and released then", []step{take, sent, release}, false, true},
		{"sent to two", []step{take, take, sent, sent, release}, false, true},
		{"handed over", []step{handover}, false, false},
		{"handed over, taken", []step{handover, take}, false, false},
		{"handed over, sent", []step{handover, take, sent}, false, true},
		{"handed over, sent by a stage that nobody drives", []step{handover, sent}, false, true},
		{"released while it is on its way", []step{take, release}, false, false},
		{"released on its way, sent", []step{take, release, sent}, false, true},
		{"released on its way to two", []step{take, take, release, sent}, false, false},
		{"released after Handover", []step{handover, release}, false, false},
		{"released after Handover, on its way", []step{handover, take, release}, false, false},
		{"handed over on its way", []step{take, handover, sent}, false, true},
		{"handed over to two", []step{handover, take, take}, true, false},
		{"sent to another after its release", []step{take, release, take}, true, false},
		{"given up by a stage that did not take it", []step{sent, sent}, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := made(leased, 'x')
			for i, do := range tt.steps {
				require.NotNil(t, f.Payload, "freed before step %d", i)
				assert.Equal(t, tt.refused && i == len(tt.steps)-1, do(f), "step %d", i)
			}
			assert.Equal(t, tt.free, f.Payload == nil)
			assert.Equal(t, tt.free, f.owner.Load()&freed != 0)
		})
	}
}

// Nothing that is done to a frame that was given back has any effect.
func TestOwnerOfNothing(t *testing.T) {
	gone := made(leased, 'x')
	gone.Release()
	other := made(leased, 'o') // perhaps in the same memory
	gone.Release()
	gone.Sent()
	gone.Handover().Sent()
	assert.False(t, gone.Take())
	gone.Release()
	assert.Empty(t, gone.Payload)
	another := made(leased, 'a')
	require.NotSame(t, memory(other), memory(another), "two frames in the same memory")
	assert.Equal(t, made(leased, 'o').Payload, other.Payload)
}

// A small frame has no memory to give back: nothing changes it.
func TestOwnerOfSmall(t *testing.T) {
	f := Text("hello")
	f.Release()
	f.Release()
	assert.Equal(t, "hello", f.String())
	for range 100 {
		assert.NotSame(t, f, Text("other"), "a Frame is never used again")
	}
	assert.True(t, f.Take())
	f.Sent()
	assert.Equal(t, "hello", f.String())
}

// Many at once: memory goes back once, and a pipeline that has taken a frame sees what
// its sender wrote until Sent. (Run with the race detector.)
func TestOwnersAtOnce(t *testing.T) {
	for round := range 500 {
		fill := byte(round)
		f := made(leased, fill)
		if round%2 == 0 {
			f.Handover()
		}
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				if !f.Take() {
					return
				}
				for _, b := range f.Payload {
					if b != fill {
						assert.Fail(t, "another's bytes")
						break
					}
				}
				f.Sent()
			})
			all.Go(func() { f.Release() })
		}
		all.Go(func() {
			for range 8 {
				made(leased, ^fill).Release()
			}
		})
		all.Wait()
		f.Sent() // of a frame handed over, if nobody was in time to take it
		assert.Nil(t, f.Payload)
	}
}

// Lost is what a debug build's pipeline asks at its end.
func TestLost(t *testing.T) {
	f := made(leased, 'x')
	assert.False(t, f.Lost())
	assert.False(t, f.HandedOver())
	require.True(t, f.Handover().Take())
	assert.True(t, f.HandedOver())
	assert.True(t, f.Lost())
	f.Sent()
	assert.False(t, f.Lost())
}
