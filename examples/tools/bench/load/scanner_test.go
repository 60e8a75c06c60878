package load

import (
	"bytes"
	"strings"
	"testing"
)

// serverFrame is what a server sends: no mask.
func serverFrame(first byte, payload []byte) []byte {
	switch n := len(payload); {
	case n < 126:
		return append([]byte{first, byte(n)}, payload...)
	case n < 1<<16:
		return append([]byte{first, 126, byte(n >> 8), byte(n)}, payload...)
	default:
		return append([]byte{first, 127, 0, 0, 0, 0, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}, payload...)
	}
}

// scanBoth scans the bytes whole and one by one; both must agree.
func scanBoth(t *testing.T, make func() Scanner, stream []byte) (int, error) {
	t.Helper()
	whole, err := make().Scan(stream)
	slow, total := make(), 0
	var slowErr error
	for i := range stream {
		var n int
		n, slowErr = slow.Scan(stream[i : i+1])
		total += n
		if slowErr != nil {
			break
		}
	}
	if total != whole || (err == nil) != (slowErr == nil) {
		t.Fatalf("whole: %d, %v; byte by byte: %d, %v", whole, err, total, slowErr)
	}
	return whole, err
}

func TestFrameScannerCountsMessages(t *testing.T) {
	for _, size := range []int{0, 1, 7, 8, 9, 125, 126, 70000} {
		want := Letters(size)
		one := serverFrame(0x81, want)
		stream := bytes.Repeat(one, 3)
		stream = append(stream, serverFrame(0x89, []byte("ping"))...)
		stream = append(stream, serverFrame(0x8a, nil)...)
		stream = append(stream, serverFrame(0x01, want[:size/2])...)
		stream = append(stream, serverFrame(0x89, nil)...)
		stream = append(stream, serverFrame(0x00, want[size/2:])...)
		stream = append(stream, serverFrame(0x80, nil)...)
		stream = append(stream, one[:len(one)-1]...)
		if size == 0 {
			stream = append(stream, 0) // the last header whole
		}
		n, err := scanBoth(t, func() Scanner { return &FrameScanner{Want: want} }, stream)
		expected := 4
		if size == 0 {
			expected = 5
		}
		if err != nil || n != expected {
			t.Errorf("%d bytes: %d messages, %v; want %d", size, n, err, expected)
		}
	}
}

func TestFrameScannerRefuses(t *testing.T) {
	want := Letters(64)
	wrong := bytes.Clone(want)
	wrong[3] ^= 1
	for name, stream := range map[string][]byte{
		"load: message of 63 bytes": serverFrame(0x81, want[:63]),
		"load: message of 65 bytes": serverFrame(0x81, append(bytes.Clone(want), 'x')),
		"load: message begins":      serverFrame(0x81, wrong),
		"sent a Close":              serverFrame(0x88, []byte{3, 232}),
		"masked":                    {0x81, 0x80 | 64},
		"opcode 0x3":                serverFrame(0x83, want),
	} {
		n, err := scanBoth(t, func() Scanner { return &FrameScanner{Want: want} }, stream)
		if n != 0 || err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%q: %d, %v", name, n, err)
		}
	}
}

func TestFrameScannerDoesNotLookIntoCompressedMessages(t *testing.T) {
	stream := append(serverFrame(0xc1, []byte("short")), serverFrame(0x41, []byte("other"))...)
	stream = append(stream, serverFrame(0x80, []byte("wise"))...)
	n, err := scanBoth(t, func() Scanner { return &FrameScanner{Want: Letters(64)} }, stream)
	if n != 2 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
}

func TestResponseScanner(t *testing.T) {
	const one = "HTTP/1.1 200 OK\r\nDate: now\r\nContent-Length: 5\r\n\r\nhello"
	n, err := scanBoth(t, func() Scanner { return &ResponseScanner{} }, []byte(one+one+one[:20]))
	if n != 2 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	for _, bad := range []string{"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n"} {
		if _, err := scanBoth(t, func() Scanner { return &ResponseScanner{} }, []byte(bad)); err == nil {
			t.Errorf("no error for %q", bad)
		}
	}
}

func TestCheckUpgrade(t *testing.T) {
	const good = "HTTP/1.1 101 Switching Protocols\r\nsec-websocket-accept: " + handshakeAccept + "\r\n"
	const extension = "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover\r\n"
	for _, c := range []struct {
		head    string
		deflate bool
		ok      bool
	}{
		{good + "\r\n", false, true},
		{good + extension + "\r\n", true, true},
		{good + "\r\n", true, false},
		{good + extension + "\r\n", false, false},
		{"HTTP/1.1 101 Switching Protocols\r\n\r\n", false, false},
		{"HTTP/1.1 400 Bad Request\r\n\r\n", false, false},
	} {
		if err := checkUpgrade([]byte(c.head), c.deflate); (err == nil) != c.ok {
			t.Errorf("%q, deflate %t: %v", c.head, c.deflate, err)
		}
	}
}

func TestReadMessageJoinsFragments(t *testing.T) {
	stream := append(serverFrame(0x01, []byte("spin")), serverFrame(0x89, []byte("!"))...)
	stream = append(stream, serverFrame(0x80, []byte("drift"))...)
	payload, packed, err := readMessage(bytes.NewReader(stream))
	if string(payload) != "spindrift" || packed || err != nil {
		t.Errorf("%q, %t, %v", payload, packed, err)
	}
	if _, _, err := readMessage(bytes.NewReader(stream[:3])); err == nil {
		t.Error("no error for a torn stream")
	}
}
