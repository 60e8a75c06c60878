//go:build !purego

package frame

// maskBlocks XORs p, whose length is a multiple of block, with key in place. It
// returns all the bytes that are there then, one over the other. SSE2 is in every
// amd64; AVX2 would be twice as fast in the first cache, which payloads outgrow, and
// would have to be asked for.
//
//go:noescape
func maskBlocks(p []byte, key uint64) (seen uint64)
