package pipeline

import "time"

// bucket holds tokens that fill up at a rate, up to two seconds' worth; and more for a time
// in which the peer was not read: what came in it is read later, at once. Of that as much
// is left as the time in which it is read again has not used up.
type bucket struct {
	tokens float64
	last   time.Time
	unread time.Duration // in all, as of last
	late   time.Duration // what was unread, less what was read since
}

func (b *bucket) take(rate int, now time.Time, unread time.Duration) bool {
	return b.spend(1, rate, now, unread)
}

// spend takes n tokens.
func (b *bucket) spend(n, rate int, now time.Time, unread time.Duration) bool {
	if b.last.IsZero() {
		b.tokens = 2 * float64(rate)
	} else {
		passed, wasUnread := now.Sub(b.last), unread-b.unread
		b.late = max(0, b.late-(passed-wasUnread)) + wasUnread
		full := (2*time.Second + b.late).Seconds() * float64(rate)
		b.tokens = min(full, b.tokens+passed.Seconds()*float64(rate))
	}
	b.last, b.unread = now, unread
	b.tokens -= float64(n)
	return b.tokens >= 0
}
