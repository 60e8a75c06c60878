package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestReadFrames(t *testing.T) {
	hello := "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58" // RFC 6455 5.7
	long := "\x42\x7e\x01\x00" + strings.Repeat("x", 256)
	frames, err := readFrames(strings.NewReader(hello + long + "\x88\x00"))
	require.NoError(t, err)
	require.Len(t, frames, 3)
	assert.Equal(t, wireFrame{fin: true, masked: true, opcode: 1, payload: []byte("Hello")}, frames[0])
	assert.Equal(t, wireFrame{rsv1: true, opcode: 2, payload: bytes.Repeat([]byte("x"), 256)}, frames[1])
	assert.Equal(t, wireFrame{fin: true, opcode: 8, payload: []byte{}}, frames[2])

	for _, bad := range []string{
		hello[:5], hello[:10], "\x81", "\x81\x7e\x01", // cut short
		"\xa1\x00",                               // RSV2
		"\x82\x7f\x7f" + string(make([]byte, 7)), // a length that nobody sends
	} {
		_, err := readFrames(strings.NewReader(bad))
		assert.Error(t, err, "%q", bad)
	}
}

const (
	asked    = "GET /x HTTP/1.1\r\nHost: x\r\n\r\n"
	answered = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
	zeroKey  = "\x00\x00\x00\x00"
)

func TestWireCheck(t *testing.T) {
	up, down := "\x81\x82"+zeroKey+"hi\x88\x80"+zeroKey, "\x81\x02hi\x88\x00"
	for _, c := range []struct{ name, up, down, want string }{
		{"good", up, down, ""},
		{"nothing came", up, "", "sent no frame"},
		{"a client's frame is not masked", "\x88\x00", down, "masked is false"},
		{"a server's is", up, "\x88\x80" + zeroKey, "masked is true"},
		{"no close", up, "\x81\x02hi", "the last frame of the server is no Close"},
		{"a frame after the close", up, "\x88\x00\x88\x00", "the server sent a frame after its Close"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, err := readWire([]byte(asked+c.up), []byte(answered+c.down), true)
			require.NoError(t, err)
			assert.Equal(t, "permessage-deflate", w.agreed())
			if err := w.check(); c.want == "" {
				assert.NoError(t, err)
			} else {
				assert.ErrorContains(t, err, c.want)
			}
		})
	}
}

func TestMessages(t *testing.T) {
	frames, err := readFrames(strings.NewReader("\x41\x02ab\x89\x01p\x80\x03cde\x82\x00\x88\x00"))
	require.NoError(t, err)
	assert.Equal(t, []wireMessage{{frames: 2, compressed: true, size: 5}, {frames: 1}}, messages(frames))
	assert.Equal(t, []string{"p"}, control(frames, opPing))
}
