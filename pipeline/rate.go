package pipeline

import "time"

// bucket holds tokens that fill up at a rate, up to two seconds' worth.
type bucket struct {
	tokens float64
	last   time.Time
}

func (b *bucket) take(rate int, now time.Time) bool {
	full := float64(2 * rate)
	if b.last.IsZero() {
		b.tokens = full
	} else {
		b.tokens = min(full, b.tokens+now.Sub(b.last).Seconds()*float64(rate))
	}
	b.last = now
	b.tokens--
	return b.tokens >= 0
}
