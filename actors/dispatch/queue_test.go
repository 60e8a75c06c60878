package dispatch

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestQueueGivesItsSegmentsBack(t *testing.T) {
	const items = 1000
	var q queue
	fill := func() {
		for i := range items {
			q.push(i % 100) // small integers are boxed without an allocation
		}
	}
	drain := func() {
		for i := range items {
			x, ok := q.pop()
			if !ok || x != i%100 {
				panic(x)
			}
		}
		q.free()
	}
	fill()
	var all []*segment
	for s := q.head; s != nil; s = s.next {
		all = append(all, s)
	}
	drain()
	require.Nil(t, q.head)
	require.Nil(t, q.tail)
	require.Len(t, all, (items+30)/31)
	// The race detector makes a pool lose a quarter of what it is given.
	allocs := testing.AllocsPerRun(100, func() { fill(); drain() })
	require.Less(t, allocs, float64(len(all))/2)
}

func TestQueueForgetsWhatWasPopped(t *testing.T) {
	var q queue
	q.push(1)
	q.push(2)
	s := q.head
	_, _ = q.pop()
	require.Nil(t, s.slots[0])
	_, _ = q.pop()
	require.Equal(t, [31]any{}, s.slots)
	_, ok := q.pop()
	require.False(t, ok)
}

// A queue is a list to which both ends may be added.
func TestQueueTakesAtTheFront(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 0))
		var q queue
		var want []any
		for i := range 400 {
			switch random.IntN(4) {
			case 0:
				q.pushFront(i)
				want = slices.Insert(want, 0, any(i))
			case 1:
				q.push(i)
				want = append(want, i)
			case 2:
				x, ok := q.pop()
				require.Equal(t, len(want) > 0, ok)
				if ok {
					require.Equal(t, want[0], x)
					want = want[1:]
				}
			default:
				q.free()
			}
			require.Equal(t, len(want), int(q.count.Load()))
		}
		for _, w := range want {
			x, _ := q.pop()
			require.Equal(t, w, x)
		}
		q.free()
		require.Nil(t, q.head)
	}
}
