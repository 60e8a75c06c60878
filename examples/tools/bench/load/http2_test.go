package load

import (
	"slices"
	"testing"

	"golang.org/x/net/http2"
)

// Frames are found however the network chops them, and windows are kept to.
func TestStreams(t *testing.T) {
	m := Message{Opcode: Text, Payload: Letters(64)}
	s := new(streams)
	s.begin(2, "a.test", "/", Target{Streams: 2}.traffic(m, 2))
	echo := append([]byte{0x81, 64}, m.Payload...)
	server := new(streams) // what it sends is put together by the same functions
	server.head(0, http2.FrameSettings, 0, 0)
	for _, id := range []uint32{1, 3} {
		server.head(1, http2.FrameHeaders, http2.FlagHeadersEndHeaders, id)
		server.out = append(server.out, 0x88)
	}
	server.head(2*len(echo), http2.FrameData, 0, 3)
	server.out = append(append(server.out, echo...), echo...)
	server.head(len(echo), http2.FrameData, 0, 1)
	server.out = append(server.out, echo...)
	for size := 1; size <= len(server.out); size += 7 {
		s.opened = 0
		var answered []int
		for piece := range slices.Chunk(server.out, size) {
			n, err := s.Scan(piece)
			if err != nil || n != len(s.answered) {
				t.Fatal(n, err)
			}
			answered = append(answered, s.answered...)
		}
		if !slices.Equal(answered, []int{1, 1, 0}) || s.opened != 2 {
			t.Errorf("%d at a time: answers %v, %d opened", size, answered, s.opened)
		}
	}

	s.out, s.all[0].window = nil, int64(len(s.unit))
	s.send(0, 2, 0)
	if want := frameHead + len(s.unit); len(s.out) != want || s.all[0].due != 1 {
		t.Errorf("%d bytes sent, want %d; %d due", len(s.out), want, s.all[0].due)
	}
	s.widen(1, 0, 1000)
	if want := 2 * (frameHead + len(s.unit)); len(s.out) != want || s.all[0].due != 0 {
		t.Errorf("%d bytes sent, want %d; %d due", len(s.out), want, s.all[0].due)
	}
	if _, err := s.Scan([]byte{0, 0, 4, byte(http2.FrameRSTStream), 0, 0, 0, 0, 1, 0, 0, 0, 8}); err == nil {
		t.Error("a reset is no error")
	}
}
