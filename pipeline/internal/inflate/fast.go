package inflate

import "encoding/binary"

// fast decodes symbols as long as there is input and space enough that neither needs to be
// looked after. It never begins a symbol at or past the limit, so that what Next returns
// does not depend on how far fast came. It stops behind the end of the block.
func (r *run) fast(lit *[litSize]entry, dist *[distSize]entry) (ended bool, err error) {
	in, at := r.in, r.at
	buf, to := r.buf, r.to
	b, n := r.bits, r.nbits
	last := len(in) - fastInput
	stop := min(r.limit, len(buf)-margin) - 2 // an iteration begins three symbols
loop:
	for at <= last && to < stop {
		b |= binary.LittleEndian.Uint64(in[at:]) << (n & 63)
		at += int(63-n) >> 3
		n |= 56

		// Two literals of at most 10 bits leave 36: enough for a length.
		e := lit[b&(1<<litRoot-1)]
		if e&literal != 0 {
			b >>= e.size()
			n -= e.size()
			buf[to] = byte(e >> 16)
			to++
			e = lit[b&(1<<litRoot-1)]
			if e&literal != 0 {
				b >>= e.size()
				n -= e.size()
				buf[to] = byte(e >> 16)
				to++
				e = lit[b&(1<<litRoot-1)]
			}
		}
		if e&special != 0 {
			if e&link != 0 {
				b >>= litRoot
				n -= litRoot
				e = lit[(e.value()+uint(b)&(1<<e.codeSize()-1))&(litSize-1)]
			}
			if e&special != 0 {
				b >>= e.size()
				n -= e.size()
				if ended = e&end != 0; !ended {
					err = ErrCorrupt
				}
				break loop
			}
		}
		saved := uint(b)
		b >>= e.size()
		n -= e.size()
		if e&literal != 0 {
			buf[to] = byte(e >> 16)
			to++
			continue
		}
		length := int(e.value() + saved&(1<<e.size()-1)>>e.codeSize())

		if n < 32 {
			b |= binary.LittleEndian.Uint64(in[at:]) << (n & 63)
			at += int(63-n) >> 3
			n |= 56
		}
		e = dist[b&(1<<distRoot-1)]
		if e&special != 0 {
			if e&link == 0 {
				err = ErrCorrupt
				break loop
			}
			b >>= distRoot
			n -= distRoot
			if e = dist[(e.value()+uint(b)&(1<<e.codeSize()-1))&(distSize-1)]; e&special != 0 {
				err = ErrCorrupt
				break loop
			}
		}
		saved = uint(b)
		b >>= e.size()
		n -= e.size()
		back := int(e.value() + saved&(1<<e.size()-1)>>e.codeSize())
		if back > to {
			err = ErrCorrupt
			break loop
		}
		match(buf, to, back, length)
		to += length
	}
	r.at, r.to = at, to
	r.bits, r.nbits = b&(1<<(n&63)-1), n // without what was only looked at
	return ended, err
}

// match repeats the n bytes that begin back bytes before to. It may write up to 7 bytes
// behind them.
func match(buf []byte, to, back, n int) {
	src := to - back
	switch {
	case back >= 8 && n <= 32:
		for end := to + n; to < end; to, src = to+8, src+8 {
			binary.LittleEndian.PutUint64(buf[to:], binary.LittleEndian.Uint64(buf[src:]))
		}
	case back >= n:
		copy(buf[to:to+n], buf[src:src+n])
	default:
		// What is there is repeated, twice as much each time.
		for out := buf[src : to+n]; back < len(out); back *= 2 {
			copy(out[back:], out[:back])
		}
	}
}
