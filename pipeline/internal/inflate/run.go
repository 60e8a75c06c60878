package inflate

import "encoding/binary"

// run is one call of Next.
type run struct {
	*Decoder
	in    []byte
	at    int // of in: the next byte
	limit int // of buf: enough output
}

// need takes input until there are n bits, at most 48. It reports false if there are not.
func (r *run) need(n uint) bool {
	if r.nbits >= n {
		return true
	}
	if p := r.in[r.at:]; len(p) >= 8 {
		r.bits |= binary.LittleEndian.Uint64(p) << (r.nbits & 63)
		r.at += int(63-r.nbits) >> 3
		r.nbits |= 56
		return true
	}
	for r.nbits <= 56 && r.at < len(r.in) {
		r.bits |= uint64(r.in[r.at]) << (r.nbits & 63)
		r.at++
		r.nbits += 8
	}
	return r.nbits >= n
}

func (r *run) take(n uint) uint {
	v := uint(r.bits & (1<<(n&63) - 1))
	r.bits >>= n & 63
	r.nbits -= n
	return v
}

// lookUp finds the code that is next and takes its bits, with the extra bits behind it.
// It reports false if they have not all come; what there are may do for an invalid code.
func (r *run) lookUp(table []entry, root uint) (e entry, extra uint, ok bool) {
	r.need(48)
	e = table[r.bits&(1<<root-1)]
	code := uint(0)
	if e&link != 0 { // what of it has not come is 0, and no code of the subtable takes no bits
		code = root
		e = table[e.value()+uint(r.bits>>root)&(1<<e.codeSize()-1)]
	}
	if r.nbits < code+e.size() {
		return e, 0, false
	}
	extra = uint(r.bits>>(code&63)) & (1<<e.size() - 1) >> e.codeSize()
	r.take(code + e.size())
	return e, extra, true
}

func (r *run) decode() (State, error) {
	for {
		switch r.phase {
		case blockHead:
			if !r.need(3) {
				return Dry, nil
			}
			r.begun = true
			r.final = r.take(1) == 1
			switch r.take(2) {
			case 0:
				r.take(r.nbits & 7)
				r.phase = storedHead
			case 1:
				r.fixed, r.phase = true, symbols
			case 2:
				r.phase = dynamicHead
			default:
				return 0, ErrCorrupt
			}

		case storedHead:
			if !r.need(32) {
				return Dry, nil
			}
			n, not := r.take(16), r.take(16)
			if n^not != 0xffff {
				return 0, ErrCorrupt
			}
			r.left, r.phase = int(n), storedBytes

		case storedBytes:
			if s, whole := r.stored(); !whole {
				return s, nil
			}
			if r.endBlock() {
				return Ended, nil
			}

		case dynamicHead, codeLengths, lengths:
			if whole, err := r.codes(); !whole {
				return Dry, err
			}
			r.fixed, r.phase = false, symbols

		case symbols, distance:
			s, err := r.block()
			if err != nil || s != Ended {
				return s, err
			}
			if r.endBlock() {
				return Ended, nil
			}
		}
	}
}
