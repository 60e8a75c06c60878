package pipeline

import (
	"bytes"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spindrift-go/spindrift/frame"
)

// The scripts of testdata/wire are described in its README.

// script is what stands under one heading.
type script struct {
	name    string
	options []string
	lines   []line
}

type line struct {
	where string // file:number
	key   string // peer, handler, expect up...
	words []string
}

func scripts(t *testing.T, file string) (all []*script) {
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	for i, l := range strings.Split(string(text), "\n") {
		where := fmt.Sprintf("%s:%d", filepath.Base(file), i+1)
		l = strings.TrimSpace(l)
		if name, ok := strings.CutPrefix(l, "== "); ok {
			all = append(all, &script{name: name})
			continue
		}
		if l == "" || l[0] == '#' {
			continue
		}
		key, rest, _ := strings.Cut(l, ":")
		words := words(t, where, rest)
		require.NotEmpty(t, all, "%s: before the first heading", where)
		s := all[len(all)-1]
		if key == "options" {
			s.options = words
		} else {
			s.lines = append(s.lines, line{where, key, words})
		}
	}
	return all
}

var word = regexp.MustCompile(`^\s*("(?:[^"\\]|\\.)*"(?:\*\d+)?|[^\s"]+)`)

func words(t *testing.T, where, s string) (words []string) {
	for strings.TrimSpace(s) != "" {
		m := word.FindStringSubmatch(s)
		require.NotNil(t, m, "%s: cannot read %q", where, s)
		words = append(words, m[1])
		s = s[len(m[0]):]
	}
	return words
}

// TestWire runs every script whole, one byte at a time, and with the bytes of
// neighbouring peer lines in one read.
func TestWire(t *testing.T) {
	files, err := filepath.Glob("testdata/wire/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			for _, s := range scripts(t, file) {
				t.Run(s.name, func(t *testing.T) { s.run(t) })
			}
		})
	}
}

func (s *script) run(t *testing.T) {
	for _, client := range s.roles(t) {
		role := map[bool]string{false: "server", true: "client"}[client]
		for _, how := range []string{"whole", "bytewise", "joined", "of single stages"} {
			lines := s.lines
			if how == "joined" {
				if lines = joined(lines); len(lines) == len(s.lines) && !moved(lines, s.lines) {
					continue
				}
			}
			t.Run(role+" "+how, func(t *testing.T) {
				p := &play{t: t, bytewise: how == "bytewise", joining: how == "joined"}
				p.terms = s.terms(t, client)
				p.terms.maskGen = func() [4]byte { return [4]byte{0x01, 0x02, 0x03, 0x04} }
				if how == "of single stages" {
					p.rig = newRig(t, p.terms.links())
				} else {
					top, core := p.terms.parts()
					p.rig = newRigOf(t, top, core)
				}
				for _, l := range lines {
					p.line = l
					p.step()
				}
				p.finish()
			})
		}
	}
}

func (s *script) roles(t *testing.T) []bool {
	require.NotEmpty(t, s.options, "%s has no options line", s.name)
	switch s.options[0] {
	case "server":
		return []bool{false}
	case "client":
		return []bool{true}
	case "both":
		return []bool{false, true}
	}
	t.Fatalf("%s: role %q", s.name, s.options[0])
	return nil
}

func (s *script) terms(t *testing.T, client bool) terms {
	o := terms{client: client}
	for _, w := range s.options[1:] {
		key, value, _ := strings.Cut(w, "=")
		n, _ := strconv.ParseInt(value, 10, 64)
		d, _ := time.ParseDuration(value)
		if value == "none" {
			n, d = -1, -1
		}
		switch key {
		case "frame":
			o.frame = n
		case "message":
			o.message = n
		case "fragments":
			o.fragments = int(n)
		case "time":
			o.time = d
		case "control":
			o.control = int(n)
		case "close":
			o.close = d
		case "ping":
			o.ping = d
		case "pong":
			o.pong = d
		case "one-way":
			o.oneWay = true
		case "show":
			o.show = true
		case "stream":
			o.stream = true
		case "no-autopong":
			o.noPong = true
		case "deflate":
			o.deflate = true
		default:
			t.Fatalf("%s: option %q", s.name, w)
		}
	}
	return o
}

// joined moves what is expected of a peer line behind the peer lines that follow
// it, if nothing else stands between them.
func joined(lines []line) (out []line) {
	for i := 0; i < len(lines); {
		if lines[i].key != "peer" {
			out = append(out, lines[i])
			i++
			continue
		}
		var late []line
		for ; i < len(lines); i++ {
			if key := lines[i].key; key == "peer" {
				out = append(out, lines[i])
			} else if key == "expect up" || key == "expect wire" {
				late = append(late, lines[i])
			} else {
				break
			}
		}
		out = append(out, late...)
	}
	return out
}

// moved reports whether joining makes a difference: two peer lines in a row.
func moved(lines, before []line) bool {
	for i := 1; i < len(lines); i++ {
		if lines[i].key == "peer" && lines[i-1].key == "peer" {
			return true
		}
	}
	return false
}

// play is a script on the stage.
type play struct {
	*rig
	t         *testing.T
	terms     terms
	line      line
	bytewise  bool
	joining   bool
	together  []byte // bytes of peer lines that go together
	hungUp    bool   // and that was expected
	sawClosed bool
}

func (p *play) failf(format string, args ...any) {
	p.t.Helper()
	p.t.Fatalf(p.line.where+": "+format, args...)
}

func (p *play) step() {
	if p.line.key != "peer" && len(p.together) > 0 {
		p.read(p.together)
		p.together = nil
	}
	switch p.line.key {
	case "peer":
		p.peer(p.wire(p.line.words))
	case "handler":
		p.handler()
	case "driver":
		p.driver()
	case "after":
		p.wait(p.duration(p.line.words[0]))
	case "expect up":
		p.expectUp()
	case "expect wire":
		p.expectWire()
	case "expect hangup":
		p.expectHangup()
	case "expect closed":
		p.expectClosed()
	case "expect nothing":
		p.nothing("expect nothing")
	default:
		p.failf("cannot do %q", p.line.key)
	}
}

// peer feeds bytes. One at a time means all of a short line, and of a long one
// its beginning and its end.
func (p *play) peer(b []byte) {
	long := 4096
	if testing.Short() {
		long = 256
	}
	switch {
	case p.joining:
		p.together = append(p.together, b...)
	case p.bytewise:
		for len(b) > 0 {
			n := 1
			if len(b) > long && len(b)%long == 0 {
				n = len(b) - long
			}
			p.read(b[:n])
			b = b[n:]
		}
	default:
		p.read(b)
	}
}

func (p *play) finish() {
	if len(p.together) > 0 {
		p.read(p.together)
	}
	p.nothing("the end")
}

func (p *play) nothing(where string) {
	p.t.Helper()
	if len(p.ups) > 0 {
		p.failf("%s: %T %v went up", where, p.ups[0], p.ups[0])
	}
	if len(p.out) > 0 {
		p.failf("%s: %d bytes went out: % x", where, len(p.out), p.out[:min(len(p.out), 40)])
	}
	if p.hangup != nil && !p.hungUp {
		p.failf("%s: hung up", where)
	}
	if where == "the end" && p.hangup != nil && !p.sawClosed {
		p.failf("a script that hangs up says how it closed")
	}
}

func (p *play) duration(s string) time.Duration {
	d, err := time.ParseDuration(s)
	if err != nil {
		p.failf("%v", err)
	}
	return d
}

// spec is a frame in words.
type spec struct {
	*frame.Frame
	times    int
	masked   *bool // nil: as the role has it
	declared int64
	bits     int // of the length
}

var opcodes = map[string]frame.Opcode{
	"cont": frame.OpContinuation, "text": frame.OpText, "binary": frame.OpBinary,
	"close": frame.OpClose, "ping": frame.OpPing, "pong": frame.OpPong,
}

func (p *play) spec(words []string) spec {
	op, ok := opcodes[words[0]]
	rest := words[1:]
	if words[0] == "op" {
		n, err := strconv.ParseUint(words[1], 10, 4)
		if err != nil {
			p.failf("%v", err)
		}
		op, ok, rest = frame.Opcode(n), true, words[2:]
	}
	if !ok {
		p.failf("no frame begins with %q", words[0])
	}
	s := spec{Frame: frame.Fragment(op, true, nil), times: 1, declared: -1}
	for _, w := range rest {
		p.modify(&s, w)
	}
	if s.declared < 0 {
		s.declared = int64(len(s.Payload))
	}
	return s
}

func (p *play) modify(s *spec, w string) {
	yes, no := true, false
	key, value, _ := strings.Cut(w, "=")
	switch {
	case w[0] == '"':
		s.Payload = append(s.Payload, p.text(w)...)
	case w[0] == 'x' && len(w) > 1:
		s.times = p.number(w[1:])
	case key == "declares":
		s.declared = int64(p.number(value))
	case key == "bits":
		s.bits = p.number(value)
	case w == "more":
		s.Fin = false
	case w == "rsv1":
		s.RSV |= frame.RSV1
	case w == "rsv2":
		s.RSV |= frame.RSV2
	case w == "rsv3":
		s.RSV |= frame.RSV3
	case w == "masked":
		s.masked = &yes
	case w == "unmasked":
		s.masked = &no
	case w == "deflated":
		s.Payload = deflated(p.t, s.Payload, 6)
		s.RSV |= frame.RSV1
	case s.Opcode == frame.OpClose:
		n := p.number(w)
		s.Payload = append(s.Payload, byte(n>>8), byte(n))
	default:
		p.failf("cannot read %q", w)
	}
}

func (p *play) number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		p.failf("%v", err)
	}
	return n
}

func (p *play) text(w string) string {
	quoted, times, many := strings.Cut(w[strings.LastIndexByte(w, '"'):], "*")
	text, err := strconv.Unquote(w[:strings.LastIndexByte(w, '"')] + quoted)
	if err != nil {
		p.failf("%s: %v", w, err)
	}
	if many {
		text = strings.Repeat(text, p.number(times))
	}
	return text
}

// wire makes the bytes of a peer line.
func (p *play) wire(words []string) (b []byte) {
	if words[0] == "hex" {
		return p.hex(words[1:])
	}
	s := p.spec(words)
	masked := !p.terms.client
	if s.masked != nil {
		masked = *s.masked
	}
	h := s.Header
	h.Masked, h.Key, h.Length = masked, [4]byte{0x37, 0xfa, 0x21, 0x3d}, s.declared
	head := frame.AppendHeader(nil, h)
	if s.bits > 0 {
		head = long(h, s.bits)
	}
	payload := bytes.Clone(s.Payload)
	if masked {
		subtle.XORBytes(payload, payload, bytes.Repeat(h.Key[:], len(payload)/4+1))
	}
	return bytes.Repeat(append(head, payload...), s.times)
}

// long is a header whose length takes that many bits.
func long(h frame.Header, bits int) []byte {
	first := frame.AppendHeader(nil, frame.Header{Fin: h.Fin, RSV: h.RSV, Opcode: h.Opcode})[0]
	b := []byte{first, map[int]byte{16: 126, 64: 127}[bits]}
	for bits -= 8; bits >= 0; bits -= 8 {
		b = append(b, byte(h.Length>>bits))
	}
	if h.Masked {
		b[1] |= 0x80
		b = append(b, h.Key[:]...)
	}
	return b
}

func (p *play) hex(words []string) []byte {
	b, err := hex.DecodeString(strings.Join(words, ""))
	if err != nil {
		p.failf("%v", err)
	}
	return b
}

func (p *play) handler() {
	w := p.line.words
	switch w[0] {
	case "fail":
		p.down(frame.Failure(frame.Code(p.number(w[1])), p.optional(w, 2)))
	case "leave":
		m := &Leave{}
		if len(w) > 1 {
			m.Code, m.Reason = frame.Code(p.number(w[1])), p.optional(w, 2)
		}
		p.down(m)
	case "limits":
		p.down(p.limits(w[1:]))
	default:
		s := p.spec(w)
		for range s.times {
			p.down(s.Frame)
		}
	}
}

func (p *play) optional(words []string, i int) string {
	if i >= len(words) {
		return ""
	}
	return p.text(words[i])
}

func (p *play) limits(words []string) *Limits {
	s := script{name: p.line.where, options: append([]string{"both"}, words...)}
	o := s.terms(p.t, false)
	return &Limits{
		Frame: o.frame, Message: o.message, Fragments: o.fragments, MessageTime: o.time, ControlRate: o.control,
		CloseTimeout: o.close, PingInterval: o.ping, PingTimeout: o.pong,
	}
}

func (p *play) driver() {
	w := p.line.words
	switch w[0] {
	case "blocks":
		p.blocked = true
	case "flows":
		p.flow()
	case "holds":
		p.holding = true
	case "settles":
		p.settle()
	case "ended":
		p.up(&Ended{})
	case "lost":
		if len(w) == 1 {
			p.up(&Lost{Err: io.EOF})
		} else {
			p.up(&Lost{Err: errors.New(p.text(w[1]))})
		}
	case "stalled":
		p.up(&Stalled{})
	case "overflow":
		p.up(&Overflow{})
	case "orphaned":
		p.up(&HandlerGone{Err: errors.New(p.optional(w, 1))})
	default:
		p.failf("the driver cannot do %q", w[0])
	}
}

func (p *play) expectUp() {
	w := p.line.words
	if w[0] == "pieces" {
		p.expectPieces(p.spec(w[1:]))
		return
	}
	if w[0] == "rtt" {
		m, ok := p.ups0().(*RoundTripTime)
		if !ok {
			p.failf("want a round trip time, got %T", p.ups[0])
		}
		p.ups = p.ups[1:]
		assert.Equal(p.t, p.duration(w[1]), m.Duration, p.line.where)
		assert.Equal(p.t, p.text(w[2]), string(m.Payload), p.line.where)
		return
	}
	s := p.spec(w)
	for range s.times {
		m, ok := p.ups0().(*frame.Frame)
		if !ok {
			p.failf("want a frame, got %T", p.ups[0])
		}
		p.ups = p.ups[1:]
		assert.Equal(p.t, s.Header, m.Header, p.line.where)
		if !bytes.Equal(s.Payload, m.Payload) {
			p.failf("want %.60q, got %.60q", s.Payload, m.Payload)
		}
	}
}

func (p *play) ups0() any {
	if len(p.ups) == 0 {
		p.failf("nothing went up")
	}
	return p.ups[0]
}

// expectPieces takes frames up to the last of a message, however many; without
// Fin it takes those that hold the payload, and empty ones behind them.
func (p *play) expectPieces(s spec) {
	var got []byte
	for first, fin := true, false; !fin && (s.Fin || len(got) < len(s.Payload)); first = false {
		m, ok := p.ups0().(*frame.Frame)
		if !ok {
			p.failf("want a frame, got %T", p.ups[0])
		}
		p.ups = p.ups[1:]
		if first && s.Opcode != m.Opcode || !first && m.Opcode != frame.OpContinuation {
			p.failf("a piece with opcode %v", m.Opcode)
		}
		got = append(got, m.Payload...)
		fin = m.Fin
		if fin && !s.Fin {
			p.failf("the message has ended")
		}
	}
	for !s.Fin && len(p.ups) > 0 {
		m, ok := p.ups[0].(*frame.Frame)
		if !ok || m.Fin || m.Opcode != frame.OpContinuation || len(m.Payload) > 0 {
			break
		}
		p.ups = p.ups[1:]
	}
	if !bytes.Equal(s.Payload, got) {
		p.failf("want %.60q, got %.60q", s.Payload, got)
	}
}

func (p *play) expectWire() {
	w := p.line.words
	if w[0] == "hex" {
		want := p.hex(w[1:])
		got := p.out[:min(len(p.out), len(want))]
		assert.Equal(p.t, hex.EncodeToString(want), hex.EncodeToString(got), p.line.where)
		p.out = p.out[len(got):]
		return
	}
	s := p.spec(w)
	for range s.times {
		f, ok := p.sent(p.terms.client)
		if !ok {
			p.failf("nothing went out")
		}
		assert.Equal(p.t, s.Header, f.Header, p.line.where)
		if !bytes.Equal(s.Payload, f.Payload) {
			p.failf("want %.60q, got %.60q", s.Payload, f.Payload)
		}
	}
}

// expectHangup: the server ends the TCP connection first, a client waits for it
// (RFC 6455 7.1.1).
func (p *play) expectHangup() {
	want := Hangup{Wait: p.terms.client}
	if len(p.line.words) > 0 && p.line.words[0] == "cut" {
		want = Hangup{Cut: true}
	}
	if p.hangup == nil {
		p.failf("no hangup")
	}
	want.Heard = p.hangup.Heard // see TestHangupHeard
	assert.Equal(p.t, want, *p.hangup, p.line.where)
	p.hungUp = true
}

// expectClosed: code, side, clean or unclean, and after "because" a part of the
// error's text; a quoted word before that is the reason.
func (p *play) expectClosed() {
	if len(p.out) > 0 {
		p.failf("output before the end that nobody expected: % x", p.out)
	}
	c := p.end()
	if c == nil {
		p.failf("not closed")
	}
	m, ok := p.ups0().(*Closed)
	if !ok {
		p.failf("want closed, got %T %v", p.ups[0], p.ups[0])
	}
	p.ups = p.ups[1:]
	p.hungUp, p.sawClosed = true, true

	want, because, hasCause := p.line.words, []string(nil), false
	for i, w := range want {
		if w == "because" {
			want, because, hasCause = want[:i], want[i+1:], true
			break
		}
	}
	got := fmt.Sprintf("%v %v %s", m.Code, m.By, map[bool]string{true: "clean", false: "unclean"}[m.Clean])
	assert.Equal(p.t, strings.Join(want[:3], " "), got, p.line.where)
	assert.Equal(p.t, p.optional(want, 3), m.Reason, p.line.where)
	if !hasCause {
		assert.NoError(p.t, m.Err, p.line.where)
	} else if assert.Error(p.t, m.Err, p.line.where) {
		assert.Contains(p.t, m.Err.Error(), p.text(because[0]), p.line.where)
	}
}
