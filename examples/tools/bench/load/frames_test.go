package load

import (
	"bytes"
	"compress/flate"
	"encoding/json"
	"io"
	"strings"
	"testing"
)

func TestFrameLengths(t *testing.T) {
	for _, c := range []struct {
		size   int
		header []byte
	}{
		{0, []byte{0x81, 0x80}},
		{125, []byte{0x81, 0xfd}},
		{126, []byte{0x81, 0xfe, 0, 126}},
		{65535, []byte{0x81, 0xfe, 0xff, 0xff}},
		{65536, []byte{0x81, 0xff, 0, 0, 0, 0, 0, 1, 0, 0}},
	} {
		payload := Letters(c.size)
		frame := Message{Opcode: Text, Payload: payload}.Frame()
		if !bytes.HasPrefix(frame, append(c.header, maskKey[:]...)) {
			t.Errorf("%d bytes: frame begins % x, want % x", c.size, frame[:min(14, len(frame))], c.header)
			continue
		}
		body := frame[len(c.header)+4:]
		for i := range body {
			body[i] ^= maskKey[i%4]
		}
		if !bytes.Equal(body, payload) {
			t.Errorf("%d bytes: unmasking does not give the payload", c.size)
		}
	}
}

func TestFrameOpcodeAndCompression(t *testing.T) {
	if first := (Message{Opcode: Binary, Payload: []byte("x")}).Frame()[0]; first != 0x82 {
		t.Errorf("binary: first byte %#x", first)
	}
	payload := JSON(1024)
	frame := Message{Opcode: Text, Payload: payload, Deflate: true}.Frame()
	if frame[0] != 0xc1 {
		t.Errorf("deflated text: first byte %#x", frame[0])
	}
	if len(frame) >= len(payload) {
		t.Errorf("deflated to %d of %d bytes", len(frame), len(payload))
	}
	inflated, err := io.ReadAll(flate.NewReader(strings.NewReader(string(deflate(payload)) + deflateEnd)))
	if err != nil || !bytes.Equal(inflated, payload) {
		t.Errorf("inflating gives %d bytes, %v", len(inflated), err)
	}
}

func TestPayloads(t *testing.T) {
	for _, n := range []int{0, 1, 64, 8192} {
		if got := len(Letters(n)); got != n {
			t.Errorf("Letters(%d) has %d bytes", n, got)
		}
	}
	for _, n := range []int{512, 1024, 4096} {
		if doc := JSON(n); len(doc) != n || !json.Valid(doc) {
			t.Errorf("JSON(%d) has %d bytes, valid: %t", n, len(doc), json.Valid(doc))
		}
	}
}
