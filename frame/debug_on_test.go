//go:build spindriftdebug

package frame

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// Each mistake panics where it is made, and says what was done with the frame before, and where.
func TestMisuse(t *testing.T) {
	for _, tt := range []struct {
		name  string
		steps []func(f *Frame) // the last one panics
		says  string
	}{
		{"released twice", []func(f *Frame){(*Frame).Release, (*Frame).Release}, "released twice; it was released at"},
		{"released after Handover", []func(f *Frame){give, (*Frame).Release}, "released after Handover; it was handed over at"},
		{"released too early", []func(f *Frame){take, (*Frame).Release}, "released while a connection has yet to send it"},
		{"handed over after Release", []func(f *Frame){(*Frame).Release, give}, "handed over after Release; it was released at"},
		{"handed over twice", []func(f *Frame){give, give}, "handed over twice"},
		{"sent after Release", []func(f *Frame){(*Frame).Release, take}, "sent after Release; it was released at"},
		{"sent to two after Handover", []func(f *Frame){give, take, take}, "sent to a second connection after Handover"},
		{"given up twice", []func(f *Frame){give, take, (*Frame).Sent, (*Frame).Sent}, "given up twice in a pipeline; it was given up at"},
		{"encoded after Release", []func(f *Frame){(*Frame).Release, encode}, "used after it was given back"},
		{"encoded after Release, masked", []func(f *Frame){(*Frame).Release, encodeMasked}, "used after it was given back"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for name, f := range map[string]*Frame{"small": Text("hello"), "large": made(leased, 'x'), "the program's memory": Binary([]byte("hello"))} {
				last := len(tt.steps) - 1
				for _, do := range tt.steps[:last] {
					assert.NotPanics(t, func() { do(f) }, name)
				}
				said := caught(func() { tt.steps[last](f) })
				assert.Contains(t, said, tt.says, name)
			}
		})
	}
}

func give(f *Frame)         { f.Handover() }
func take(f *Frame)         { f.Take() }
func encode(f *Frame)       { Append(nil, f) }
func encodeMasked(f *Frame) { AppendMasked(nil, f, [4]byte{1}) }

func caught(do func()) (said string) {
	defer func() { said, _ = recover().(string) }()
	do()
	return ""
}

// A payload that was kept beyond its release is overwritten, and not sent.
func TestPoison(t *testing.T) {
	for _, size := range []int{8, inline, leased, 3 * leased} {
		f := made(size, 'x')
		kept := f.Payload
		f.Release()
		assert.Equal(t, strings.Repeat(poisoned, size/8), string(kept))
		for at := range size - 7 {
			if got := caught(func() { Append(nil, Binary(kept[at:])) }); !strings.Contains(got, "sent with a payload that was released") {
				t.Fatalf("sent from %d of %d: %s", at, size, got)
			}
		}
		assert.NotPanics(t, func() { Append(nil, Binary(append(kept[:size-1:size-1], 'x'))) })
		g := made(size, 'y')
		assert.NotSame(t, &kept[0], &g.Payload[0])
	}
	own := []byte("of the program's")
	Binary(own).Release()
	assert.Equal(t, "of the program's", string(own))

	ping := New(OpPing, 3)
	ping.Payload = append(ping.Payload, "abc"...)
	ping.Release()
	assert.Equal(t, "abc", ping.String(), "a Pong may have it")

	f := made(leased, 'x')
	kept := f.Payload
	f.Grow(2*leased, 0)
	assert.Equal(t, strings.Repeat(poisoned, leased/8), string(kept), "what a message has outgrown")
	assert.Equal(t, bytes.Repeat([]byte{'x'}, leased), f.Payload)
}
