//go:build !amd64 || purego

package frame

import "encoding/binary"

// maskBlocks XORs p, whose length is a multiple of block, with key in place. It
// returns all the bytes that are there then, one over the other.
func maskBlocks(p []byte, key uint64) (seen uint64) {
	for ; len(p) >= 32; p = p[32:] { // four words a turn are twice as fast as one
		q := p[:32]
		a, b := binary.LittleEndian.Uint64(q)^key, binary.LittleEndian.Uint64(q[8:])^key
		c, d := binary.LittleEndian.Uint64(q[16:])^key, binary.LittleEndian.Uint64(q[24:])^key
		binary.LittleEndian.PutUint64(q, a)
		binary.LittleEndian.PutUint64(q[8:], b)
		binary.LittleEndian.PutUint64(q[16:], c)
		binary.LittleEndian.PutUint64(q[24:], d)
		seen |= a | b | c | d
	}
	return seen
}
