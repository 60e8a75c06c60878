package sockettest

import (
	"bytes"
	"compress/flate"
	"io"
)

// Permessage-deflate without context takeover, RFC 7692 7.2: each message stands alone.

// tail is what ends a compressed message and is not sent, and an end of the stream for the inflater.
const tail = "\x00\x00\xff\xff" + "\x01\x00\x00\xff\xff"

func inflate(payload []byte) ([]byte, error) {
	return io.ReadAll(flate.NewReader(io.MultiReader(bytes.NewReader(payload), bytes.NewReader([]byte(tail)))))
}

func deflate(payload []byte) []byte {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.DefaultCompression)
	if err != nil {
		panic(err) // of a level that is none
	}
	w.Write(payload)
	w.Flush()
	return bytes.TrimSuffix(b.Bytes(), []byte(tail[:4]))
}
