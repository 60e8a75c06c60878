package pipeline

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spindrift-go/spindrift/frame"
)

// wire is a driver that keeps what goes out and up.
type wire struct {
	out     []byte
	told    []string
	items   int // of output
	waiting int // bytes of it that are said to wait
}

func (w *wire) Outcome(*Closed) {}

func (w *wire) Deliver(item any) {
	if d, is := item.(*Dropped); is {
		w.told = append(w.told, fmt.Sprintf("dropped %d of %d bytes", d.Messages, d.Bytes))
	}
}

func (w *wire) Emit(item any) {
	switch m := item.(type) {
	case Appender:
		w.out = m.Append(w.out)
		w.items++
	case *Status:
		m.Now, m.Waiting = time.Unix(1, 0), w.waiting
	}
}

// small are n messages for many, each of another length; those of some are worth compressing.
func small(n int) (all []*frame.Frame) {
	for i := range n {
		all = append(all, frame.Text(strings.Repeat(string(rune('a'+i%26)), 11*i)).Share())
	}
	return all
}

// What is prepared has the effect that its messages have one by one, whatever the stages and
// whatever went before.
func TestPreparedIsItsMessages(t *testing.T) {
	key := func() [4]byte { return [4]byte{1, 2, 3, 4} }
	shout := Stage(func(up, down Sink) (Sink, Sink) {
		return up, func(item any) {
			if f, is := item.(*frame.Frame); is && !f.Opcode.Control() {
				item = &frame.Frame{Header: f.Header, Payload: []byte(strings.ToUpper(string(f.Payload)))}
				f.Sent()
			}
			down(item)
		}
	})
	stages := map[string]func() (top, core Part){
		"server": func() (Part, Part) { return terms{}.parts() },
		"client": func() (Part, Part) { return terms{client: true, maskGen: key}.parts() },
		"deflate": func() (Part, Part) {
			return &KeepAlive{}, &Core{Deflate: &Deflate{Compression: Compression{Threshold: 100}}}
		},
		"takeover": func() (Part, Part) {
			return &KeepAlive{}, &Core{Deflate: &Deflate{Compression: Compression{Threshold: -1, ContextTakeover: true}}}
		},
		"not worth it": func() (Part, Part) { return terms{deflate: true}.parts() },
		"drops": func() (Part, Part) {
			return &KeepAlive{}, &Core{Above: Outbox{Limit: 4000, High: 2000, Policy: DropOldest}}
		},
		"budget":         func() (Part, Part) { return &KeepAlive{}, &Core{Budget: &Budget{Max: 1000}} },
		"stage on top":   func() (Part, Part) { return Chain(shout), &Core{} },
		"stage below":    func() (Part, Part) { return &KeepAlive{}, &Core{Inner: []Stage{shout}} },
		"typed":          func() (Part, Part) { return &KeepAlive{}, &Core{Messages: JSON[string]()} },
		"bounded a wait": func() (Part, Part) { return &KeepAlive{}, &Core{Sequence: Sequence{Limit: 3000, Policy: DropNewest}} },
	}
	states := map[string]struct{ before, after func(p *Pipeline, w *wire) }{
		"open": {},
		"in a message": {
			func(p *Pipeline, _ *wire) { p.Down(frame.Fragment(frame.OpText, false, []byte("one"))) },
			func(p *Pipeline, _ *wire) { p.Down(frame.Fragment(frame.OpContinuation, true, []byte("two"))) },
		},
		"after our Close": {func(p *Pipeline, _ *wire) { p.Down(frame.Close(1000, "")) }, nil},
		"after a mistake": {func(p *Pipeline, _ *wire) { p.Down(frame.Fragment(frame.OpContinuation, true, nil)) }, nil},
		"after theirs":    {func(p *Pipeline, _ *wire) { p.Up(&Ended{}) }, func(p *Pipeline, _ *wire) { p.Up(&Settled{}) }},
		"slow":            {func(_ *Pipeline, w *wire) { w.waiting = 1 << 20 }, func(p *Pipeline, w *wire) { w.waiting = 0; p.Up(&Written{}) }},
		"over":            {func(p *Pipeline, _ *wire) { p.Down(&Cut{}) }, nil},
	}
	for name, parts := range stages {
		for state, around := range states {
			t.Run(name+"/"+state, func(t *testing.T) {
				run := func(items []any) (*wire, Traffic) {
					w, m := new(wire), new(Meter)
					top, core := parts()
					p := NewMetered(w, top, core, m)
					p.Up(&Start{})
					if around.before != nil {
						around.before(p, w)
					}
					for _, item := range items {
						p.Down(item)
					}
					if around.after != nil {
						around.after(p, w)
					}
					p.Up(&Lost{})
					return w, m.Traffic
				}
				var each []any
				for _, f := range small(30) {
					each = append(each, f)
				}
				want, counted := run(each)
				got, metered := run(Prepare(small(30)))
				assert.Equal(t, want.out, got.out)
				assert.Equal(t, want.told, got.told)
				assert.Equal(t, counted, metered)
				if (name == "server" || name == "not worth it") && state == "open" && !frame.Debug {
					assert.Equal(t, 1, got.items, "at once")
				}
			})
		}
	}
}

// Large messages, fragments and what is no message go down as they are, and nothing prepared is
// larger than a buffer that is kept.
func TestPrepare(t *testing.T) {
	large := frame.Binary(make([]byte, maxPreparedPayload+1))
	whole := frame.Binary(make([]byte, maxPreparedPayload))
	for name, test := range map[string]struct {
		messages []*frame.Frame
		sizes    []int // of what is prepared, in messages; 1: a frame
	}{
		"none":        {nil, nil},
		"one":         {small(1), []int{1}},
		"a few":       {small(20), []int{20}},
		"one large":   {append(append(small(3), large), small(2)...), []int{3, 1, 2}},
		"alone":       {[]*frame.Frame{large, whole, large}, []int{1, 1, 1}},
		"many":        {[]*frame.Frame{whole, whole, whole, whole, whole, whole, whole, whole}, []int{7, 1}},
		"a fragment":  {append(small(2), frame.Fragment(frame.OpText, false, nil)), []int{2, 1}},
		"a Ping":      {append(small(2), frame.Ping(nil)), []int{2, 1}},
		"with an RSV": {append(small(2), &frame.Frame{Header: frame.Header{Fin: true, Opcode: frame.OpText, RSV: frame.RSV1}}), []int{2, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			var sizes []int
			var back []*frame.Frame
			for _, item := range Prepare(test.messages) {
				switch m := item.(type) {
				case *Prepared:
					require.LessOrEqual(t, m.Size(), maxPrepared)
					require.False(t, m.Urgent())
					before := len(back)
					m.Each(func(item any) { back = append(back, item.(*frame.Frame)) })
					sizes = append(sizes, len(back)-before)
				case *frame.Frame:
					back = append(back, m)
					sizes = append(sizes, 1)
				}
			}
			assert.Equal(t, test.sizes, sizes)
			assert.Equal(t, test.messages, back)
		})
	}
}
