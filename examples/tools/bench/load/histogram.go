package load

import (
	"math/bits"
	"time"
)

// subBits is the base-2 logarithm of the number of equal steps in each power of two; 6 keeps the error under 1.6 %.
const subBits = 6

// Histogram counts durations in buckets whose width grows with their value, with an error under 1.6 %.
// The zero value is empty and ready to use.
type Histogram struct {
	counts [(64 - subBits + 1) << subBits]uint64
	total  uint64
	max    uint64
}

// Record counts n occurrences of d; a negative d counts as zero.
func (h *Histogram) Record(d time.Duration, n uint64) {
	v := uint64(max(d, 0))
	h.counts[bucket(v)] += n
	h.total += n
	h.max = max(h.max, v)
}

// Count returns how many durations were recorded.
func (h *Histogram) Count() uint64 { return h.total }

// Max returns the longest duration recorded, exactly.
func (h *Histogram) Max() time.Duration { return time.Duration(h.max) }

// Quantile returns the smallest duration that at least the share q (0 to 1) of the records do not exceed, and zero when
// nothing was recorded.
func (h *Histogram) Quantile(q float64) time.Duration {
	if h.total == 0 {
		return 0
	}
	want := uint64(q * float64(h.total))
	want = min(max(want, 1), h.total)
	var seen uint64
	for i, n := range h.counts {
		seen += n
		if seen >= want {
			return time.Duration(min(upperBound(i), h.max))
		}
	}
	return h.Max()
}

// Reset forgets every record.
func (h *Histogram) Reset() { *h = Histogram{} }

// Values under 2<<subBits have a bucket each; above, each power of two has 1<<subBits of them.
func bucket(v uint64) int {
	shift := max(bits.Len64(v)-subBits-1, 0)
	return shift<<subBits + int(v>>shift)
}

func upperBound(i int) uint64 {
	shift := max(i>>subBits-1, 0)
	return uint64(i-shift<<subBits+1)<<shift - 1
}
