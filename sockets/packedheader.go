package sockets

import (
	"encoding/binary"
	"net/http"
)

// packedHeader is a header as one string: each name, how many values it has, and those; before each of
// the strings is its length. The map alone of an http.Header is 400 bytes, and 800 from the ninth name on.
type packedHeader string

// pack packs h, but for the names that are left out: a nil leftOut leaves out none. It uses the memory of buf, which is nil
// where an array would make a stack grow.
func pack(buf []byte, h http.Header, leftOut func(name string) bool) packedHeader {
	b := buf[:0]
	for name, values := range h {
		if leftOut != nil && leftOut(name) {
			continue
		}
		b = appendPacked(b, name)
		b = binary.AppendUvarint(b, uint64(len(values)))
		for _, v := range values {
			b = appendPacked(b, v)
		}
	}
	return packedHeader(b)
}

func appendPacked(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// header makes a header of it, which is the caller's.
func (p packedHeader) header() http.Header {
	h := http.Header{}
	for p != "" {
		name := p.cut()
		values := make([]string, p.cutNumber())
		for i := range values {
			values[i] = p.cut()
		}
		h[name] = values
	}
	return h
}

// cut takes the string that is first.
func (p *packedHeader) cut() string {
	n := p.cutNumber()
	s := string((*p)[:n])
	*p = (*p)[n:]
	return s
}

// cutNumber takes the number that is first.
func (p *packedHeader) cutNumber() int {
	n, size := binary.Uvarint([]byte((*p)[:min(len(*p), binary.MaxVarintLen64)]))
	*p = (*p)[size:]
	return int(n)
}
