package load

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// streams is one connection of HTTP/2 and the WebSockets on it, RFC 8441. As a Scanner it takes what the server sends; what is to be
// sent gathers in out. Stream i has the id 2i+1.
type streams struct {
	all      []stream
	unit     []byte // the frame that is sent over and over
	window   int64  // that may be sent
	initial  int64  // window of a new stream
	taken    uint32 // of the connection's window, and not given back
	opened   int
	answered []int // streams whose answers the last Scan has found, one for each answer

	out  []byte // to be written
	held []byte // of a frame that is not whole
}

type stream struct {
	scan   Scanner
	stamps ring
	due    int    // messages that wait for a window
	window int64  // that may be sent
	taken  uint32 // of the stream's window, and not given back
}

const (
	frameHead   = 9
	largestData = 16 << 10
	startWindow = 65535
	wideWindow  = 1 << 30 // of the client's: no run should wait for it
)

// begin asks for n WebSockets.
func (s *streams) begin(n int, host, path string, t traffic) {
	s.unit, s.window, s.initial = t.frame, startWindow, startWindow
	s.all = make([]stream, n)
	var request bytes.Buffer
	encoder := hpack.NewEncoder(&request)
	s.out = append(s.out, http2.ClientPreface...)
	s.head(6, http2.FrameSettings, 0, 0)
	s.out = binary.BigEndian.AppendUint16(s.out, uint16(http2.SettingInitialWindowSize))
	s.out = binary.BigEndian.AppendUint32(s.out, wideWindow)
	s.update(0, wideWindow)
	for i := range s.all {
		s.all[i].scan, s.all[i].window = t.scanner(), s.initial
		s.all[i].stamps = newRing(t.inFlight)
		request.Reset()
		for _, field := range [][2]string{
			{":method", "CONNECT"}, {":protocol", "websocket"}, {":scheme", "http"}, {":authority", host}, {":path", path}, {"sec-websocket-version", "13"},
		} {
			encoder.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]})
		}
		s.head(request.Len(), http2.FrameHeaders, http2.FlagHeadersEndHeaders, uint32(2*i+1))
		s.out = append(s.out, request.Bytes()...)
	}
}

// open is begin, until each stream is one: it blocks.
func (s *streams) open(c io.ReadWriter) error {
	buf := make([]byte, largestData)
	for {
		if _, err := c.Write(s.out); err != nil {
			return fmt.Errorf("load: extended CONNECT: %w", err)
		}
		s.out = s.out[:0]
		if s.opened == len(s.all) {
			return nil
		}
		n, err := c.Read(buf)
		if err == nil {
			_, err = s.Scan(buf[:n])
		}
		if err != nil {
			return fmt.Errorf("load: extended CONNECT: %w", err)
		}
	}
}

func (s *streams) head(length int, kind http2.FrameType, flags http2.Flags, id uint32) {
	s.out = append(s.out, byte(length>>16), byte(length>>8), byte(length), byte(kind), byte(flags))
	s.out = binary.BigEndian.AppendUint32(s.out, id)
}

func (s *streams) update(id, n uint32) {
	s.head(4, http2.FrameWindowUpdate, 0, id)
	s.out = binary.BigEndian.AppendUint32(s.out, n)
}

// send puts n more frames of a stream in flight.
func (s *streams) send(i, n int, now time.Duration) {
	s.all[i].stamps.push(now, n)
	s.all[i].due += n
	s.pump(i)
}

// pump sends of a stream what is due, as the windows allow.
func (s *streams) pump(i int) {
	st := &s.all[i]
	for unit := len(s.unit); st.due > 0; {
		n := min(st.due, int(min(st.window, s.window, largestData))/unit)
		if n <= 0 {
			return
		}
		s.head(n*unit, http2.FrameData, 0, uint32(2*i+1))
		for range n {
			s.out = append(s.out, s.unit...)
		}
		st.due -= n
		st.window -= int64(n * unit)
		s.window -= int64(n * unit)
	}
}

// Scan implements Scanner.
func (s *streams) Scan(b []byte) (answers int, err error) {
	s.answered = s.answered[:0]
	if len(s.held) > 0 {
		s.held = append(s.held, b...)
		b = s.held
	}
	for len(b) >= frameHead {
		end := frameHead + int(b[0])<<16 + int(b[1])<<8 + int(b[2])
		if len(b) < end {
			break
		}
		if err := s.frame(http2.FrameType(b[3]), http2.Flags(b[4]), binary.BigEndian.Uint32(b[5:]), b[frameHead:end]); err != nil {
			return len(s.answered), err
		}
		b = b[end:]
	}
	s.held = append(s.held[:0], b...)
	return len(s.answered), nil
}

func (s *streams) frame(kind http2.FrameType, flags http2.Flags, id uint32, body []byte) error {
	i := int(id / 2)
	if id != 0 && (id%2 == 0 || i >= len(s.all)) {
		return fmt.Errorf("load: a frame of stream %d", id)
	}
	switch kind {
	case http2.FrameData:
		if flags != 0 || id == 0 {
			return fmt.Errorf("load: DATA of stream %d with flags %#x", id, flags)
		}
		return s.data(i, id, body)
	case http2.FrameHeaders:
		const ok = 0x88 // :status 200 in HPACK's table
		if s.opened++; flags != http2.FlagHeadersEndHeaders || len(body) == 0 || body[0] != ok {
			return fmt.Errorf("load: answered with flags %#x and %q", flags, body)
		}
	case http2.FrameSettings:
		if !flags.Has(http2.FlagSettingsAck) {
			s.settings(body)
			s.head(0, http2.FrameSettings, http2.FlagSettingsAck, 0)
		}
	case http2.FramePing:
		if !flags.Has(http2.FlagPingAck) {
			s.head(len(body), http2.FramePing, http2.FlagPingAck, 0)
			s.out = append(s.out, body...)
		}
	case http2.FrameWindowUpdate:
		s.widen(id, i, int64(binary.BigEndian.Uint32(body)))
	case http2.FrameRSTStream, http2.FrameGoAway:
		return fmt.Errorf("load: %v of stream %d: %x", kind, id, body)
	}
	return nil
}

func (s *streams) data(i int, id uint32, body []byte) error {
	st := &s.all[i]
	s.taken += uint32(len(body))
	st.taken += uint32(len(body))
	if s.taken > wideWindow/2 {
		s.update(0, s.taken)
		s.taken = 0
	}
	if st.taken > wideWindow/2 {
		s.update(id, st.taken)
		st.taken = 0
	}
	n, err := st.scan.Scan(body)
	for range n {
		s.answered = append(s.answered, i)
	}
	return err
}

func (s *streams) settings(body []byte) {
	for ; len(body) >= 6; body = body[6:] {
		if http2.SettingID(binary.BigEndian.Uint16(body)) == http2.SettingInitialWindowSize {
			v := int64(binary.BigEndian.Uint32(body[2:]))
			for i := range s.all {
				s.all[i].window += v - s.initial
			}
			s.initial = v
		}
	}
}

func (s *streams) widen(id uint32, i int, n int64) {
	if id != 0 {
		s.all[i].window += n
		s.pump(i)
		return
	}
	s.window += n
	for i := range s.all {
		s.pump(i)
	}
}
