package inflate

import (
	"math/rand"
	"testing"

	"github.com/stretchr/testify/require"
)

// completeCode has n symbols with codes of at most 15 bits, as uneven as skew says.
func completeCode(random *rand.Rand, n int, skew float64) []uint8 {
	l := []uint8{0}
	for len(l) < n {
		i := random.Intn(len(l))
		if random.Float64() < skew {
			i = len(l) - 1
		}
		if l[i] < maxBits {
			l[i]++
			l = append(l, l[i])
		}
	}
	random.Shuffle(len(l), func(i, j int) { l[i], l[j] = l[j], l[i] })
	return l
}

// A table finds each symbol by its code, whatever follows it, and its subtables are no larger
// than their longest code needs: that they always fit depends on it.
func TestBuild(t *testing.T) {
	random := rand.New(rand.NewSource(1))
	meanings := make([]entry, 286)
	for i := range meanings {
		meanings[i] = entry(i) << 16
	}
	for i := range 60 {
		lens, root, table := completeCode(random, 2+random.Intn(285), float64(i%4)/4), uint(litRoot), make([]entry, litSize)
		if i%2 == 1 {
			lens, root, table = completeCode(random, 2+random.Intn(29), float64(i%5)/5), distRoot, make([]entry, distSize)
		}
		require.True(t, build(table, root, lens, meanings))
		subBits := map[uint]uint{} // by prefix: what is needed
		links, used := 0, uint(1)<<root
		for i, n := range lens {
			c, _ := code(lens, i)
			prefix := c & (1<<root - 1)
			if n := uint(n); n > root {
				subBits[prefix] = max(subBits[prefix], n-root)
			}
			for range 4 { // bits behind it
				next := c | uint(random.Intn(1<<16))<<n
				e := table[next&(1<<root-1)]
				if e&link != 0 {
					require.Greater(t, uint(n), root)
					next >>= root
					e = table[e.value()+next&(1<<e.codeSize()-1)]
					require.Equal(t, uint(n)-root, e.size())
				} else {
					require.Equal(t, uint(n), e.size())
				}
				require.Equal(t, e.size(), e.codeSize())
				require.EqualValues(t, i, e.value())
			}
		}
		for prefix, n := range subBits {
			require.Equal(t, n, table[prefix].codeSize(), "the subtable of %b", prefix)
			links++
			used += 1 << n
		}
		for i, e := range table[used:] {
			require.Zero(t, e, "entry %d is needless", int(used)+i)
		}
	}
}

// match writes what it says, and at most 7 bytes behind it.
func TestMatch(t *testing.T) {
	random := rand.New(rand.NewSource(1))
	for n := 3; n <= longest; n++ {
		for _, back := range []int{1, 2, 3, 7, 8, 9, n - 1, n, n + 1, 300} {
			want := make([]byte, 300+n)
			random.Read(want[:300])
			for i := range n {
				want[300+i] = want[300+i-back]
			}
			buf := make([]byte, 300+n+margin)
			copy(buf, want[:300])
			match(buf, 300, back, n)
			require.Equal(t, want, buf[:300+n], "%d bytes from %d back", n, back)
			require.Equal(t, make([]byte, margin-7), buf[300+n+7:], "%d bytes from %d back", n, back)
		}
	}
}
