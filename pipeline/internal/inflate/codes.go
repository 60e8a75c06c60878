package inflate

// order of the lengths of the code of the code lengths, RFC 1951 3.2.7.
var order = [19]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// codes reads the codes of a dynamic block. They are whole when it says so.
func (r *run) codes() (whole bool, err error) {
	if r.phase == dynamicHead {
		if !r.need(14) {
			return false, nil
		}
		r.nlit, r.ndist, r.ncode = int(r.take(5))+257, int(r.take(5))+1, int(r.take(4))+4
		if r.nlit > 286 || r.ndist > 30 {
			return false, ErrCorrupt
		}
		r.have, r.phase = 0, codeLengths
	}
	if r.phase == codeLengths {
		sizes := r.lengths[286+30:]
		for ; r.have < r.ncode; r.have++ {
			if !r.need(3) {
				return false, nil
			}
			sizes[order[r.have]] = uint8(r.take(3))
		}
		for _, i := range order[r.ncode:] {
			sizes[i] = 0
		}
		if !build(r.dist[:1<<codeRoot], codeRoot, sizes, codeSymbols[:]) {
			return false, ErrCorrupt
		}
		r.have, r.phase = 0, lengths
	}
	for all := r.nlit + r.ndist; r.have < all; {
		r.need(14) // fewer may do
		e := r.dist[r.bits&(1<<codeRoot-1)]
		if e&special != 0 {
			return false, ErrCorrupt
		}
		size, v, n := e.size(), e.value(), 1
		if v < 16 {
			if r.nbits < size {
				return false, nil
			}
			r.take(size)
		} else {
			extra, least := [3]uint{2, 3, 7}[v-16], [3]int{3, 3, 11}[v-16]
			if r.nbits < size+extra {
				return false, nil
			}
			r.take(size)
			n = least + int(r.take(extra))
			if v > 16 {
				v = 0
			} else if r.have == 0 {
				return false, ErrCorrupt
			} else {
				v = uint(r.lengths[r.have-1])
			}
			if r.have+n > all {
				return false, ErrCorrupt
			}
		}
		for range n {
			r.lengths[r.have] = uint8(v)
			r.have++
		}
	}
	if !build(r.lit[:], litRoot, r.lengths[:r.nlit], litSymbols[:]) ||
		!build(r.dist[:], distRoot, r.lengths[r.nlit:r.nlit+r.ndist], distSymbols[:]) {
		return false, ErrCorrupt
	}
	return true, nil
}
