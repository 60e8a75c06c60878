package differential

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
)

// agreed is what both sides have agreed on for permessage-deflate.
type agreed struct {
	client    bool // our role
	takeover  bool // of windows
	bits      int  // of them
	ratio     int  // -1: no limit
	level     int  // of our compression
	threshold int  // likewise
}

// terms makes it of a byte, so that it may be fuzzed.
func terms(client bool, b uint8) agreed {
	a := agreed{client: client, takeover: b&1 != 0, bits: 15, ratio: -1, threshold: -1}
	if b&2 != 0 {
		a.bits = 8 + int(b>>4)%8
	}
	if b&4 != 0 {
		a.ratio = 100
	}
	return a
}

func (a agreed) stage() pipeline.Stage {
	p := pipeline.DeflateParams{
		ServerNoContextTakeover: !a.takeover, ClientNoContextTakeover: !a.takeover,
		ServerMaxWindowBits: a.bits, ClientMaxWindowBits: a.bits,
	}
	c := pipeline.Compression{ContextTakeover: a.takeover, MaxRatio: a.ratio, Threshold: a.threshold, Level: a.level}
	return pipeline.Deflate{Compression: c, Params: p, Client: a.client}.Stage()
}

// heard is a message as it was on the wire, as far as it had come.
type heard struct {
	opcode  frame.Opcode
	packed  bool
	payload []byte
	fin     bool
}

// oursDeflated is Spindrift's reading, and what it has heard below Deflate.
func oursDeflated(p []byte, a agreed, n int) (s reading, messages []heard) {
	listen := pipeline.Tap(func(item any) {
		f, ok := item.(*frame.Frame)
		if !ok || f.Opcode.Control() {
			return
		}
		if f.Opcode != frame.OpContinuation {
			messages = append(messages, heard{opcode: f.Opcode, packed: f.RSV&frame.RSV1 != 0})
		}
		m := &messages[len(messages)-1]
		m.payload, m.fin = append(m.payload, f.Payload...), f.Fin
	}, nil)
	s = tell(p, n, pipeline.Chain(
		pipeline.Assemble,
		pipeline.Limit{Message: most}.Stage(),
		pipeline.Text,
		a.stage(),
		listen,
		pipeline.Closing{Client: a.client}.Stage(),
		pipeline.Codec{Client: a.client, RSV: frame.RSV1}.Stage(),
	))
	return s, messages
}

// What Spindrift says of a message.
const (
	noDeflate = "message does not inflate"
	noText    = "text is not UTF-8"
	tooLong   = "message over the limit"
	tooFar    = "message inflates over the ratio limit"
)

// judge compares messages with what compress/flate makes of them. It returns the
// first that gorilla will see in another way, -1: none.
func judge(t *testing.T, got reading, messages []heard, a agreed) (other int) {
	r := &reference{takeover: a.takeover, size: 1 << max(a.bits, 9)} // zlib counts 8 bits as 9
	events := slices.DeleteFunc(slices.Clone(got.events), func(e string) bool { return !isMessage(e) })
	other = -1
	done := 0
	for i, m := range messages {
		want := inflated{payload: m.payload}
		if m.packed {
			want = r.inflate(m.payload, m.fin)
		}
		if want.early && other < 0 {
			other = i
		}
		var refusals []string // what there is to say against the message
		if corrupt(want.err) || m.fin && want.err == io.ErrUnexpectedEOF {
			refusals = append(refusals, noDeflate)
		}
		if m.opcode == frame.OpText && (!canBeUTF8(want.payload) || m.fin && want.err == nil && !utf8.Valid(want.payload)) {
			refusals = append(refusals, noText)
		}
		if want.err == errTooLong || !m.packed && got.why == tooLong { // that is seen in a header
			refusals = append(refusals, tooLong)
		}
		if a.ratio > 0 && want.ratio >= a.ratio/2 { // where one looks is chance
			refusals = append(refusals, tooFar)
		}
		must := len(refusals) > 0 && m.fin && (want.ratio > 2*a.ratio || refusals[0] != tooFar)
		last := i == len(messages)-1
		switch {
		case slices.Contains(refusals, got.why) && last:
			// It was not handed over.
		case must, last && slices.Contains([]string{noDeflate, noText, tooLong, tooFar}, got.why):
			require.Fail(t, "message is judged in another way", "%d of %d %+v: % x fin %v\nours: %+v\nwant: %v %+v", i, len(messages), a, m.payload, m.fin, got, refusals, want.err)
		case m.fin:
			require.Greater(t, len(events), done, "message %d %+v: % x\nours: %+v", i, a, m.payload, got)
			require.Equal(t, handed(m.opcode.String(), want.payload), events[done])
			done++
		}
	}
	require.Len(t, events, done)
	return other
}

func isMessage(event string) bool {
	return strings.HasPrefix(event, "text ") || strings.HasPrefix(event, "binary ")
}

// before is the events up to the end of message n.
func before(events []string, n int) []string {
	for i, e := range events {
		if n == 0 {
			return events[:i]
		}
		if isMessage(e) {
			n--
		}
	}
	return events
}

// compareDeflated requires that compress/flate sees the same in each message, and
// gorilla in all of p.
func compareDeflated(t *testing.T, p []byte, a agreed, n int) {
	got, messages := oursDeflated(p, a, n)
	other := judge(t, got, messages, a)
	if a.takeover { // gorilla knows none
		return
	}
	want := theirs(p, a.client, true)
	describe := []any{"%+v, pieces of %d: % x\nours: %+v\ntheirs: %+v", a, n, p, got, want}
	if got.end == failed(int(frame.ProtocolError)) && want.end == open && laxer[got.why] == "" {
		// The beginning of a header was enough for us. They want to see all of it.
		want = theirs(append(bytes.Clone(p), make([]byte, frame.MaxHeader)...), a.client, true)
	}
	same := slices.Equal(got.events, want.events)
	switch {
	case other >= 0:
		// RFC 7692 7.2.3.4: gorilla takes the first final block for the end of the
		// message, and a message of no bytes for none.
		same = slices.Equal(before(got.events, other), before(want.events, other))
	case laxer[got.why] != "", got.why == "reserved bit set":
		// RFC 7692 6.1: RSV1 has no meaning but on the first frame of a message; to gorilla it has none there.
		same = prefix(got.events, want.events)
	case got.why == tooFar, got.why == tooLong:
		// Their limit is of compressed bytes, and they have no ratio.
		same = prefix(got.events, want.events)
	case got.end == want.end && got.end == failed(int(frame.InvalidPayload)):
		// One of us may have read a Ping inside the message before it looked.
		same = prefix(got.events, want.events) || prefix(want.events, got.events)
	case got.end == want.end:
	case want.end == failed(int(frame.InvalidPayload)) && unfinished(messages):
		// An inflater keeps back what the block in hand has made until it fails for want of more: what
		// comes next is seen first.
		same = prefix(want.events, got.events)
	case got.end == failed(int(frame.InvalidPayload)) && got.why == "close reason is not UTF-8" && want.end == failed(int(frame.ProtocolError)):
		// As in compare.
	case strings.HasPrefix(got.end, "closed 1014 ") && want.end == failed(int(frame.ProtocolError)):
		// As in compare.
	default:
		same = false
	}
	if !same {
		require.Fail(t, "the readings differ", describe...)
	}
}

// unfinished reports whether the last message is compressed and has not all come.
func unfinished(messages []heard) bool {
	if len(messages) == 0 {
		return false
	}
	last := messages[len(messages)-1]
	return last.packed && !last.fin
}

func prefix(a, b []string) bool { return len(a) <= len(b) && slices.Equal(a, b[:len(a)]) }

func FuzzDeflate(f *testing.F) {
	for _, payload := range []string{
		"", "\x00", "\xf2\x48\xcd\xc9\xc9\x07\x00", // RFC 7692 7.2.3.1: Hello
		"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00",                     // 7.2.3.3: stored
		"\xf3\x48\xcd\xc9\xc9\x07\x00\x00",                                 // 7.2.3.4: a final block
		"\xf3\x48\xcd\xc9\xc9\x07\x00",                                     // and nothing behind it
		"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00",             // 7.2.3.5: two blocks
		"\xf2\x00\x11\x00\x00",                                             // 7.2.3.2: Hello, again
		"\xff\xff\xff\xff", "\x01\x00\x00\xff\xff", "\x03", "\x05", "\xf2", // none of these is a message
		"\x62\x00\x82\x51\x30\x0a\x46\xc1\x28\x18\x05\xa3\x60\x14\x8c\x82\x51\x30\x0a\x46\xc1\x28\x18\x05", // many zeros, not to their end
	} {
		frames := []*frame.Frame{
			{Header: frame.Header{Fin: true, Opcode: frame.OpText, RSV: frame.RSV1}, Payload: []byte("\xf2\x48\xcd\xc9\xc9\x07\x00")},
			{Header: frame.Header{Opcode: frame.OpBinary, RSV: frame.RSV1}, Payload: []byte(payload[:len(payload)/2])},
			frame.Ping([]byte("in between")),
			frame.Fragment(frame.OpContinuation, true, []byte(payload[len(payload)/2:])),
			{Header: frame.Header{Fin: true, Opcode: frame.OpText, RSV: frame.RSV1}, Payload: []byte(payload)},
			frame.Close(frame.Normal, ""),
		}
		var server, client []byte
		for _, fr := range frames {
			server, client = frame.AppendMasked(server, fr, [4]byte{1, 2, 3, 4}), frame.Append(client, fr)
		}
		for _, b := range []uint8{0, 1, 3, 0x33} {
			f.Add(server, false, false, b, uint8(0))
			f.Add(client, true, false, b, uint8(1))
		}
	}
	for _, first := range []string{"\xc9", "\xc8", "\xa1", "\x91", "\xc0"} { // reserved bits where they mean nothing
		f.Add([]byte("\x41\x01\xf2"+first+"\x00"), true, false, uint8(0), uint8(0))
	}
	long := strings.Repeat("\x00all work and no play ", 12)
	for _, recipe := range []string{
		"\x30\x81\x05\x00hello\x30\x81\x05\x00hello\x10\x88\x02\x00\x03\xe8",
		"\x30\x01\x05\x00hello\x30\x89\x01\x00a\x30\x80\x05\x00hello\x10\x81\x02\x00hi",
		"\x70\xc1\xf0\x00" + strings.Repeat(long, 9) + "\x70\xc1\xf0\x00" + strings.Repeat(long, 9),
		"\x31\x81\x05\x00hello\x35\x01\x05\x00hello\x35\x80\x05\x00hello",
		"\x32\x81\x05\x00hello", "\x36\x81\x05\x00hello", "\x34\x81\x05\x00hello",
		"\x30\x81\x02\x00\xc3\x28\x30\x01\x01\x00\xe2\x30\x80\x02\x00\x82\xac",
	} {
		for b := range uint8(8) {
			f.Add([]byte(recipe), false, true, b, uint8(0))
			f.Add([]byte(recipe), true, true, b|0x10, uint8(2))
		}
	}
	f.Add([]byte("\xc1\x07\xf2\x48\xed\xc9\xc9"), true, false, uint8(0), uint8(0))     // half a block, of no UTF-8
	f.Add([]byte("\x41\x05\xf2\x48\xed\xc9\xc9\x49"), true, false, uint8(0), uint8(0)) // and no frame behind it
	f.Add([]byte("\xc1\x07\x64\x23\x00\x00"), true, false, uint8(0), uint8(0))         // half a block that is none
	f.Fuzz(func(t *testing.T, p []byte, client, recipe bool, b, n uint8) {
		a := terms(client, b)
		if recipe {
			p = script(p, client, &packer{takeover: a.takeover})
		}
		compareDeflated(t, p, a, int(n))
	})
}

// saying is a message that is to be sent.
type saying struct {
	text  bool
	plain bool // not compressed
	parts [][]byte
}

// sayings makes messages of any bytes: for each two about how, a length and what.
func sayings(recipe []byte) (all []saying) {
	for len(recipe) > 3 && len(all) < 20 {
		how, times, size := recipe[0], int(recipe[1])+1, int(recipe[2])
		recipe = recipe[3:]
		payload := recipe[:min(size, len(recipe))]
		recipe = recipe[len(payload):]
		s := saying{text: how&1 != 0, plain: how&2 != 0}
		if s.text {
			payload = []byte(strings.ToValidUTF8(string(payload), "\uFFFD"))
		}
		payload = bytes.Repeat(payload, times)
		for range how >> 2 & 7 {
			n := (len(payload) + 2) / 3
			s.parts, payload = append(s.parts, payload[:n]), payload[n:]
		}
		all = append(all, saying{s.text, s.plain, append(s.parts, payload)})
	}
	return all
}

func (s saying) opcode() frame.Opcode {
	if s.text {
		return frame.OpText
	}
	return frame.OpBinary
}

// told is what the receiver of all should be handed.
func told(all []saying) (events []string) {
	for _, s := range all {
		events = append(events, handed(s.opcode().String(), bytes.Join(s.parts, nil)))
	}
	return events
}

// weSay is what Spindrift writes.
func weSay(t *testing.T, all []saying, a agreed) (p []byte) {
	_, onDown := pipeline.Chain(
		a.stage(),
		pipeline.Closing{Client: a.client}.Stage(),
		pipeline.Codec{Client: a.client, RSV: frame.RSV1}.Stage(),
	)(func(any) {}, func(item any) {
		if m, ok := item.(pipeline.Appender); ok {
			p = m.Append(p)
		}
	})
	for _, s := range all {
		for i, part := range s.parts {
			f := frame.Fragment(s.opcode(), i == len(s.parts)-1, part)
			if f.NoCompress = s.plain; i > 0 {
				f.Opcode = frame.OpContinuation
			}
			onDown(f)
		}
	}
	return p
}

// theySay is what gorilla writes: it makes fragments of what its buffer does not hold.
func theySay(t *testing.T, all []saying, client bool, level int) []byte {
	w := &wire{deflate: true}
	c := w.conn(nil, client)
	require.NoError(t, c.SetCompressionLevel(level))
	for _, s := range all {
		c.EnableWriteCompression(!s.plain)
		m, err := c.NextWriter(int(s.opcode()))
		require.NoError(t, err)
		for _, part := range s.parts {
			_, err = m.Write(part)
			require.NoError(t, err)
		}
		require.NoError(t, m.Close())
	}
	return w.out.Bytes()
}

// What one writes the other reads, and what we write with context takeover or
// small windows compress/flate reads, each in either role.
func FuzzDeflateWriters(f *testing.F) {
	for _, recipe := range []string{
		"\x00\x00\x05hello\x01\x00\x05hello\x03\x00\x05hello\x00\x00\x00",
		"\x0d\x40\x05hello\x0d\xff\x0fhello and again",
		"\x01\xff\xff" + strings.Repeat("every piece its own ", 13) + "\x01\xff\xff" + strings.Repeat("every piece its own ", 13),
		"\x1c\x02\x03\x00\xff\x80\x1c\x00\x00\x1c\x00\x01x",
	} {
		for b := range uint8(8) {
			f.Add([]byte(recipe), b&1 != 0, b, 3*b, b)
			f.Add([]byte(recipe), b&1 != 0, b|0x40, b, b)
			f.Add([]byte(recipe), b&1 == 0, b|0x12, b, uint8(0))
		}
	}
	f.Fuzz(func(t *testing.T, recipe []byte, client bool, b, level, n uint8) {
		all := sayings(recipe)
		want := told(all)

		fresh := agreed{client: client, bits: 15, ratio: -1}
		got, messages := oursDeflated(theySay(t, all, !client, int(level)%12-2), fresh, int(n))
		require.Equal(t, reading{events: want, end: open}, got)
		require.Negative(t, judge(t, got, messages, fresh))

		a := terms(client, b)
		a.ratio, a.level = -1, int(level)%10
		if b&8 != 0 {
			a.threshold = 0
		}
		p := weSay(t, all, a)
		if !a.takeover {
			require.Equal(t, want, theirs(p, !client, true).events)
		}
		a.client = !client
		got, messages = oursDeflated(p, a, int(n))
		require.Equal(t, reading{events: want, end: open}, got)
		require.Negative(t, judge(t, got, messages, a))
	})
}

// As TestReadings: what the harness sees, and each difference that is let pass.
func TestDeflateReadings(t *testing.T) {
	const hello = "\xf2\x48\xcd\xc9\xc9\x07\x00"
	zeros := string((&packer{}).of(make([]byte, 5<<18)))
	for _, tt := range []struct {
		name         string
		bytes        string
		terms        agreed
		ours, theirs string
		events       []string // ours
	}{
		{"message", "\xc1\x07" + hello + "\x81\x01a", agreed{}, open, open, []string{`text "Hello"`, `text "a"`}},
		{"in pieces", "\x41\x02" + hello[:2] + "\x89\x00\x80\x05" + hello[2:], agreed{}, open, open, []string{`ping ""`, `text "Hello"`}},
		{"garbage", "\xc1\x04\xff\xff\xff\xff", agreed{}, failed(1007), failed(1007), nil},
		{"text", "\xc1\x07" + "\x00\x01\x00\xfe\xff\xff\x00", agreed{}, failed(1007), failed(1007), nil},
		{"of the message before", "\xc1\x07" + hello + "\xc1\x05\xf2\x00\x11\x00\x00", agreed{}, failed(1007), failed(1007), []string{`text "Hello"`}},
		{"takeover", "\xc1\x07" + hello + "\xc1\x05\xf2\x00\x11\x00\x00", agreed{takeover: true}, open, failed(1007), []string{`text "Hello"`, `text "Hello"`}},
		{"final block", "\xc1\x0e\xf3" + hello[1:] + hello, agreed{}, open, open, []string{`text "HelloHello"`}},
		{"no bytes", "\xc1\x00", agreed{}, open, failed(1007), []string{`text ""`}},
		{"compressed Ping", "\xc9\x00", agreed{}, failed(1002), open, nil},
		{"compressed continuation", "\x01\x00\xc0\x00", agreed{}, failed(1002), open, nil},
		{"ratio", "\xc2\x7e" + string([]byte{byte(len(zeros) >> 8), byte(len(zeros))}) + zeros, agreed{ratio: 100}, failed(1009), open, nil},
		{"half a block", "\xc1\x07\xf2\x48\xed\xc9\xc9", agreed{}, failed(1007), failed(1007), nil},
		{"half a block that is none", "\xc1\x07\x64\x00\x00\x00", agreed{}, failed(1007), failed(1007), nil},
		{"half of another", "\xc1\x07\x64\x23\x00\x00", agreed{}, failed(1007), failed(1007), nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := tt.terms
			a.client, a.bits = true, 15
			for n := range 4 {
				s, _ := oursDeflated([]byte(tt.bytes), a, n)
				require.Equal(t, tt.ours, s.end)
				require.Equal(t, tt.events, s.events)
				compareDeflated(t, []byte(tt.bytes), a, n)
			}
			require.Equal(t, tt.theirs, theirs([]byte(tt.bytes), true, true).end)
		})
	}
}
