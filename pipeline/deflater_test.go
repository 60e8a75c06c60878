package pipeline

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/spindrift-go/spindrift/frame"
)

// A number outside its range counts as the nearest one inside, and a smaller window has no
// levels.
func TestDeflaterKinds(t *testing.T) {
	for _, tt := range []struct {
		level, bits int
		want        deflaterKind
	}{
		{0, 15, deflaterKind{1, 15}}, {1, 15, deflaterKind{1, 15}}, {5, 15, deflaterKind{5, 15}}, {9, 15, deflaterKind{9, 15}},
		{10, 15, deflaterKind{9, 15}}, {-3, 15, deflaterKind{1, 15}}, {0, 14, deflaterKind{0, 14}}, {9, 8, deflaterKind{0, 8}},
	} {
		assert.Equal(t, tt.want, deflaterKindOf(tt.level, tt.bits))
	}
}

// No two kinds share a pool, and each compresses.
func TestDeflaterPools(t *testing.T) {
	pools := map[int]deflaterKind{}
	p := prose(1, 3000)
	for bits := minBits; bits <= maxBits; bits++ {
		for level := 1; level <= 9; level++ {
			kind := deflaterKindOf(level, bits)
			if other, taken := pools[kind.index()]; taken {
				assert.Equal(t, other, kind)
				continue
			}
			pools[kind.index()] = kind
			z := newDeflater(kind)
			z.w.ResetDict(z, nil)
			assert.Less(t, len(z.deflate(frame.Binary(p)).Payload), len(p)*3/4, "%v", kind)
		}
	}
	assert.Len(t, pools, 9+maxBits-minBits)
}
