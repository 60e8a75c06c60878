package remote

import "google.golang.org/protobuf/encoding/protowire"

// consume takes the first field off a protobuf message: its number, its varint or its bytes, and what is behind it.
// A field of another kind, of a later version, comes as number 0.
func consume(b []byte) (number protowire.Number, v uint64, value, rest []byte, ok bool) {
	tag, b, ok := varint(b)
	if !ok || tag>>3 == 0 || tag>>3 > uint64(protowire.MaxValidNumber) {
		return 0, 0, nil, nil, false
	}
	number = protowire.Number(tag >> 3)
	switch kind := protowire.Type(tag & 7); kind {
	case protowire.VarintType:
		v, rest, ok = varint(b)
		return number, v, nil, rest, ok
	case protowire.BytesType:
		n, b, ok := varint(b)
		if !ok || n > uint64(len(b)) {
			return 0, 0, nil, nil, false
		}
		return number, 0, b[:n:n], b[n:], true
	default:
		n := protowire.ConsumeFieldValue(number, kind, b)
		if n < 0 {
			return 0, 0, nil, nil, false
		}
		return 0, 0, nil, b[n:], true
	}
}

// varint takes a number off b; most have one byte.
func varint(b []byte) (v uint64, rest []byte, ok bool) {
	if len(b) > 0 && b[0] < 0x80 {
		return uint64(b[0]), b[1:], true
	}
	v, n := protowire.ConsumeVarint(b)
	if n < 0 {
		return 0, nil, false
	}
	return v, b[n:], true
}
