package pipeline

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spindrift-go/spindrift/frame"
)

// FuzzPipeline feeds any bytes in any split to the whole chain in either role,
// while handler, clock and driver do whatever moves says. Whatever happens: no
// panic, one Closed and it is the last, every byte out is part of a frame that
// this role may send, in an order it may send them, no more than one Close and
// nothing after it, no memory that did not arrive.
func FuzzPipeline(f *testing.F) {
	moves := [][]byte{nil, {0}, {2, 9, 2, 10}, {1, 8, 40, 11, 3, 7, 12}, {0, 0, 0, 16, 30, 31, 17, 5, 14}, {4, 13, 9, 200, 0}, {0, 15, 4, 18, 6}, {21, 0, 21}, {21, 0, 22, 22 + 128}, {23, 23 + 64, 23 + 32}}
	for i, seed := range seeds(f) {
		f.Add(seed.options, seed.wire, moves[i%len(moves)])
	}
	f.Fuzz(func(t *testing.T, options byte, wire, moves []byte) {
		if len(wire) > 8<<10 || len(moves) > 1<<10 {
			return
		}
		before := allocated()
		z := newChaos(t, options)
		for fed, i := 0, 0; fed < len(wire) && z.closed == nil; i++ {
			n := len(wire) - fed
			if i < len(moves) {
				n = min(n, z.move(moves[i]))
			}
			z.read(wire[fed : fed+n])
			fed += n
		}
		took := allocated() - before
		z.settle()
		z.wait(time.Hour)
		z.up(&Lost{Err: errors.New("the end")})
		z.down(frame.Text("after the end"))
		z.wait(time.Hour)
		if !z.terms.deflate { // whose pools are of several sizes
			assert.Less(t, took, uint64(768<<10+len(wire)<<10+len(moves)<<13))
		}

		require.NotNil(t, z.closed)
		assert.Same(t, z.closed, z.ups[len(z.ups)-1], "not the last")
		z.checkUps()
		z.checkOut()
	})
}

// Any split of the same bytes tells the handler and the peer the same.
func FuzzPipelineSplits(f *testing.F) {
	for _, seed := range seeds(f) {
		f.Add(seed.options, seed.wire, []byte{3, 20, 1})
	}
	f.Fuzz(func(t *testing.T, options byte, wire, cuts []byte) {
		if len(wire) > 2<<10 {
			return
		}
		options &^= optStream | optDeflate // the pieces of one are the wire's, the other has FuzzInflate
		whole := newChaos(t, options)
		whole.read(wire)
		split := newChaos(t, options)
		for fed, i := 0, 0; fed < len(wire); i++ {
			n := 1
			if i < len(cuts) {
				n = min(int(cuts[i])+1, len(wire)-fed)
			}
			split.read(wire[fed : fed+n])
			fed += n
		}
		var codes []frame.Code
		for _, z := range []*chaos{whole, split} {
			z.up(&Lost{Err: errors.New("the end")})
			codes = append(codes, z.closed.Code)
			z.checkUps()
		}
		if codes[0] != codes[1] && eitherWay[codes[0]] && eitherWay[codes[1]] {
			return
		}
		require.Equal(t, len(whole.ups), len(split.ups))
		for i := range whole.ups {
			assert.Equal(t, whole.ups[i], split.ups[i])
		}
		assert.Equal(t, whole.out, split.out)
	})
}

// eitherWay are the codes of a message that is too long and not text: it depends
// on the split which is seen first.
var eitherWay = map[frame.Code]bool{frame.TooBig: true, frame.InvalidPayload: true}

const (
	optClient byte = 1 << iota
	optStream
	optShow
	optSmall
	optUnlimited
	optDeflate
	optHold
	optOneWay
)

// chaos is a rig on which everything happens.
type chaos struct {
	*rig
	t     *testing.T
	terms terms
	cut   bool // a Cut was sent
}

func newChaos(t *testing.T, options byte) *chaos {
	on := func(bit byte) bool { return options&bit != 0 }
	o := terms{client: on(optClient), stream: on(optStream), show: on(optShow), deflate: on(optDeflate), oneWay: on(optOneWay)}
	o.maskGen = func() [4]byte { return [4]byte{1, 2, 3, 4} }
	if on(optSmall) {
		o.frame, o.message, o.fragments, o.control = 200, 300, 3, 2
	}
	if on(optUnlimited) {
		o.frame, o.message, o.fragments, o.time, o.control, o.close = -1, -1, -1, -1, -1, -1
	}
	top, core := o.parts()
	z := &chaos{rig: newRigOf(t, top, core), t: t, terms: o}
	z.holding = on(optHold)
	return z
}

// move does one thing and returns how many bytes the next read has.
func (z *chaos) move(m byte) int {
	switch m % 32 {
	case 0:
		z.down(frame.Text("hello"))
	case 1:
		z.down(frame.Fragment(frame.OpBinary, false, []byte("he")))
		z.down(frame.Ping([]byte("between")))
		z.down(frame.Fragment(frame.OpContinuation, true, bytes.Repeat([]byte("llo"), 300)))
	case 2:
		z.down(frame.Ping([]byte("ping")))
	case 3:
		z.down(frame.Ping(make([]byte, 126)))
	case 4:
		z.down(frame.Close(frame.Normal, "handler"))
	case 5:
		z.down(frame.Fragment(frame.OpClose, m < 128, []byte{3, m}))
	case 6:
		z.down(frame.Failure(frame.Code(1000+int(m)), "stage"))
	case 7:
		if m < 128 {
			z.down(&Leave{})
		} else {
			z.down(&Cut{})
			z.cut = true
		}
	case 8:
		z.down(&Limits{Frame: int64(m), Message: int64(m) - 100, MessageTime: time.Second, PingInterval: 10 * time.Second, CloseTimeout: time.Second, InflateRatio: 2})
	case 9, 10, 11:
		z.wait(time.Duration(m) * time.Second)
	case 12:
		z.holding = true
	case 13:
		z.settle()
	case 14:
		z.blocked = true
	case 15:
		z.flow()
	case 16:
		z.up(&Ended{})
	case 17:
		z.up(&Overflow{})
	case 18:
		z.up(&Stalled{})
	case 19:
		z.up(&HandlerGone{Err: errors.New("handler")})
	case 20:
		z.up(&Lost{Err: errors.New("reset")})
	case 21:
		z.down(frame.Fragment(frame.OpText, false, []byte("begins")))
	case 22:
		z.down(frame.Fragment(frame.OpContinuation, m < 128, []byte("goes on")))
	case 23:
		f := frame.Fragment(frame.Opcode(m>>4), true, []byte("anything"))
		f.RSV = m
		z.down(f)
	default:
		return int(m)
	}
	return 1
}

// checkUps: messages for the handler are whole, or pieces in order; text is UTF-8.
func (z *chaos) checkUps() {
	open, isText := false, false
	var check frame.UTF8
	for _, item := range z.ups {
		f, ok := item.(*frame.Frame)
		if !ok {
			continue
		}
		require.Zero(z.t, f.RSV)
		if f.Opcode.Control() {
			require.True(z.t, z.terms.show, "a %v that nobody asked for", f.Opcode)
			require.NotEqual(z.t, frame.OpClose, f.Opcode)
			continue
		}
		require.Equal(z.t, open, f.Opcode == frame.OpContinuation)
		require.True(z.t, f.Fin || z.terms.stream)
		if !open {
			isText = f.Opcode == frame.OpText
		}
		open = !f.Fin
		require.True(z.t, !isText || check.Write(f.Payload) && (open || check.Done()), "%q is not UTF-8", f.Payload)
	}
}

// checkOut reads what went out as the other side will.
func (z *chaos) checkOut() {
	open, closes := false, 0
	for {
		f, ok := z.sent(z.terms.client)
		if !ok {
			break
		}
		require.Zero(z.t, closes, "%v after a close", f.Opcode)
		switch f.Opcode {
		case frame.OpText, frame.OpBinary:
			require.False(z.t, open)
			open = !f.Fin
		case frame.OpContinuation:
			require.True(z.t, open)
			open = !f.Fin
		default:
			require.True(z.t, f.Fin)
			require.LessOrEqual(z.t, len(f.Payload), 125)
			require.Contains(z.t, []frame.Opcode{frame.OpClose, frame.OpPing, frame.OpPong}, f.Opcode)
		}
		if f.RSV != 0 {
			require.True(z.t, z.terms.deflate && f.RSV == frame.RSV1 && (f.Opcode == frame.OpText || f.Opcode == frame.OpBinary))
		}
		if f.Opcode == frame.OpClose {
			_, _, err := frame.ParseClose(f.Payload)
			require.Nil(z.t, err)
			closes++
		}
	}
	assert.Equal(z.t, z.closed.Code == frame.Abnormal, closes == 0 && z.closed.By != Peer)
	if z.closed.Clean {
		assert.Equal(z.t, 1, closes)
	}
	if closes == 0 {
		assert.False(z.t, z.closed.Clean)
		assert.True(z.t, z.closed.By != Local || z.cut)
	}
}

type seed struct {
	options byte
	wire    []byte
}

// seeds are the peer lines of the wire scripts, those of one script joined.
func seeds(f *testing.F) (all []seed) {
	files, err := filepath.Glob("testdata/wire/*.txt")
	require.NoError(f, err)
	require.NotEmpty(f, files)
	t := new(testing.T)
	for i, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(f, err)
		for j, part := range strings.Split(string(text), "\n== ") {
			options := byte(1<<((i+j)%8))&^optClient | optHold*byte(j%2)
			if strings.Contains(part, " deflate") {
				options |= optDeflate
			}
			for _, client := range []bool{false, true} {
				if client {
					options |= optClient
				}
				if wire := peerBytes(t, part, client); len(wire) > 0 && len(wire) < 2<<10 {
					all = append(all, seed{options, wire})
				}
			}
		}
	}
	return all
}

func peerBytes(t *testing.T, part string, client bool) (wire []byte) {
	p := &play{t: t, terms: terms{client: client}}
	for _, l := range strings.Split(part, "\n") {
		if rest, ok := strings.CutPrefix(l, "peer:"); ok {
			wire = append(wire, p.wire(words(t, "", rest))...)
		}
	}
	return wire
}
