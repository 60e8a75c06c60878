package inflate

// endBlock reports whether the block was the final one. Then the rest of its last byte
// means nothing.
func (r *run) endBlock() bool {
	r.phase = blockHead
	if r.final {
		r.take(r.nbits & 7)
		r.begun = false
	}
	return r.final
}

// stored copies the bytes of a stored block.
func (r *run) stored() (s State, whole bool) {
	for r.left > 0 {
		if r.to >= r.limit {
			return Full, false
		}
		n := min(r.left, r.limit-r.to)
		if r.nbits >= 8 {
			r.grow(1)
			r.buf[r.to] = byte(r.take(8))
			n = 1
		} else {
			r.bits = 0 // nbits is: what comes was only looked at
			if n = min(n, len(r.in)-r.at); n == 0 {
				return Dry, false
			}
			r.grow(n)
			copy(r.buf[r.to:], r.in[r.at:r.at+n])
			r.at += n
		}
		r.to += n
		r.left -= n
	}
	return 0, true
}

// block decodes symbols up to the end of the block, which is Ended.
func (r *run) block() (State, error) {
	lit, dist := &r.lit, &r.dist
	if r.fixed {
		t := fixed()
		lit, dist = &t.lit, &t.dist
	}
	for {
		if r.phase == symbols {
			if r.to >= r.limit {
				return Full, nil
			}
			r.grow(1)
			if len(r.in)-r.at >= fastInput {
				switch ended, err := r.fast(lit, dist); {
				case err != nil:
					return 0, err
				case ended:
					return Ended, nil
				case r.to >= r.limit:
					return Full, nil
				}
				r.grow(1)
			}
			e, extra, ok := r.lookUp(lit[:], litRoot)
			switch {
			case !ok:
				return Dry, nil
			case e&literal != 0:
				r.buf[r.to] = byte(e.value())
				r.to++
				continue
			case e&end != 0:
				return Ended, nil
			case e&special != 0:
				return 0, ErrCorrupt
			}
			r.left, r.phase = int(e.value()+extra), distance
		}
		e, extra, ok := r.lookUp(dist[:], distRoot)
		if !ok {
			return Dry, nil
		}
		back := int(e.value() + extra)
		if e&special != 0 || back > r.to {
			return 0, ErrCorrupt
		}
		match(r.buf, r.to, back, r.left)
		r.to += r.left
		r.phase = symbols
	}
}
