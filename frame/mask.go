package frame

import (
	"crypto/subtle"
	"encoding/binary"
)

// Mask XORs p in place with key, RFC 6455 5.3. pos is how many bytes of the same
// payload came before; it returns where the next piece goes on.
func Mask(p []byte, key [4]byte, pos int) (next int) {
	next = (pos + len(p)) & 3
	k := binary.LittleEndian.Uint32(key[:])
	k = k>>(8*(pos&3)) | k<<(32-8*(pos&3))
	kk := uint64(k)<<32 | uint64(k)
	// A key written out once lets the vector instructions behind XORBytes do the
	// long ones: 3x the loop below at 8 KiB, and slower under 512 (BenchmarkMask).
	if len(p) >= 512 {
		var wide [256]byte
		for i := 0; i < len(wide); i += 8 {
			binary.LittleEndian.PutUint64(wide[i:], kk)
		}
		for len(p) >= len(wide) {
			subtle.XORBytes(p[:len(wide)], p[:len(wide)], wide[:])
			p = p[len(wide):]
		}
	}
	for len(p) >= 8 {
		binary.LittleEndian.PutUint64(p, binary.LittleEndian.Uint64(p)^kk)
		p = p[8:]
	}
	for i := range p {
		p[i] ^= byte(k)
		k = k>>8 | k<<24
	}
	return next
}
