package pipeline

import (
	"testing"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/stretchr/testify/assert"
)

// mirror is a driver that sends back what it is given.
type mirror struct{ *Pipeline }

func (d *mirror) Deliver(item any) {
	if f, ok := item.(*frame.Frame); ok && !f.Opcode.Control() {
		d.Down(f)
	}
}
func (d *mirror) Emit(any)        {}
func (d *mirror) Outcome(*Closed) {}

// A Meter counts what goes up to the handler and what goes out, whole messages with their
// payloads inflated, and nothing behind a Close.
func TestMeter(t *testing.T) {
	for name, top := range map[string]Part{"the usual top": &KeepAlive{}, "stages of the program's": Chain()} {
		t.Run(name, func(t *testing.T) {
			var m Meter
			d := new(mirror)
			d.Pipeline = NewMetered(d, top, &Core{}, &m)
			d.Up(&Start{})
			feed := func(frames ...*frame.Frame) {
				var p []byte
				for _, f := range frames {
					p = frame.AppendMasked(p, f, [4]byte{1, 2, 3, 4})
				}
				d.Up(&Input{Data: p})
			}
			part := frame.Text("hel")
			part.Fin = false
			rest := frame.Text("lo")
			rest.Opcode = frame.OpContinuation
			feed(frame.Text("12345678"), frame.Ping([]byte("x")), part)
			assert.Equal(t, Traffic{MessagesIn: 1, BytesIn: 8, MessagesOut: 1, BytesOut: 8}, m.Traffic)
			feed(rest)
			assert.Equal(t, Traffic{MessagesIn: 2, BytesIn: 13, MessagesOut: 2, BytesOut: 13}, m.Traffic)
			d.Down(frame.Close(frame.Normal, ""))
			d.Down(frame.Text("late"))
			feed(frame.Text("on its way"))
			assert.Equal(t, Traffic{MessagesIn: 3, BytesIn: 23, MessagesOut: 2, BytesOut: 13}, m.Traffic)
		})
	}
}

// BenchmarkMeter echoes 32 messages of 64 bytes in one input, without a Meter and with one.
func BenchmarkMeter(b *testing.B) {
	for name, m := range map[string]*Meter{"none": nil, "one": new(Meter)} {
		b.Run(name, func(b *testing.B) {
			d := new(mirror)
			d.Pipeline = NewMetered(d, &KeepAlive{}, &Core{}, m)
			d.Up(&Start{})
			var input, own []byte
			for range 32 {
				input = frame.AppendMasked(input, frame.Binary(make([]byte, 64)), [4]byte{1, 2, 3, 4})
			}
			for b.Loop() {
				own = append(own[:0], input...) // it is unmasked in place
				d.Up(&Input{Data: own})
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(32*b.N), "ns/msg")
		})
	}
}
