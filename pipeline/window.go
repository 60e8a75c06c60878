package pipeline

// window is the latest bytes of a stream, as many as size at most. It takes no
// more memory than it was given bytes, give or take.
type window struct {
	bytes []byte
	size  int
}

// add appends p.
func (w *window) add(p []byte) {
	p = p[max(0, len(p)-w.size):]
	if over := len(w.bytes) + len(p) - w.size; over > 0 {
		w.bytes = w.bytes[:copy(w.bytes, w.bytes[over:])]
	}
	w.grow(len(w.bytes) + len(p))
	w.bytes = append(w.bytes, p...)
}

// set takes p, of size bytes at most, in place of what there was.
func (w *window) set(p []byte) {
	w.bytes = w.bytes[:0]
	w.grow(len(p))
	w.bytes = append(w.bytes, p...)
}

// grow makes space for n bytes in all.
func (w *window) grow(n int) {
	if n > cap(w.bytes) {
		grown := make([]byte, len(w.bytes), min(max(n, 2*cap(w.bytes)), w.size))
		copy(grown, w.bytes)
		w.bytes = grown
	}
}
