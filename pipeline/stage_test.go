package pipeline

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spindrift-go/spindrift/frame"
)

// tag is a stage that writes its name on what passes, and counts in a local.
func tag(name string) Stage {
	return func(up, down Sink) (Sink, Sink) {
		count := 0
		sign := func(next Sink, arrow string) Sink {
			return func(item any) {
				count++
				next(item.(string) + arrow + name + string(rune('0'+count)))
			}
		}
		return sign(up, "^"), sign(down, "v")
	}
}

func record(to *[]string) Sink { return func(item any) { *to = append(*to, item.(string)) } }

func TestChain(t *testing.T) {
	for _, tt := range []struct {
		name     string
		stages   []Stage
		up, down string
	}{
		{"of none", nil, "x", "x"},
		{"of one", []Stage{tag("a")}, "x^a1", "xva2"},
		{"from handler to wire", []Stage{tag("a"), tag("b"), tag("c")}, "x^c1^b1^a1", "xva2vb2vc2"},
		{"of chains", []Stage{Chain(tag("a"), tag("b")), Chain(), tag("c")}, "x^c1^b1^a1", "xva2vb2vc2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var ups, downs []string
			onUp, onDown := Chain(tt.stages...)(record(&ups), record(&downs))
			onUp("x")
			onDown("x")
			assert.Equal(t, []string{tt.up}, ups)
			assert.Equal(t, []string{tt.down}, downs)
		})
	}
}

// A stage in the middle answers down below itself and up above itself.
func TestChainNeighbours(t *testing.T) {
	bounce := func(up, down Sink) (Sink, Sink) {
		return func(item any) { down(item); up(item) }, func(item any) { up(item); down(item) }
	}
	var ups, downs []string
	onUp, onDown := Chain(tag("a"), bounce, tag("c"))(record(&ups), record(&downs))
	onUp("x")
	assert.Equal(t, []string{"x^c1^a1"}, ups)
	assert.Equal(t, []string{"x^c1vc2"}, downs)
	onDown("y")
	assert.Equal(t, "yva2^a3", ups[1])
	assert.Equal(t, "yva2vc3", downs[1])
}

// A Stage is a recipe: two connections made of one share nothing.
func TestStagesAreShared(t *testing.T) {
	t.Run("core", func(t *testing.T) { shared(t, terms{}.chain()) })
	t.Run("links", func(t *testing.T) { shared(t, terms{}.links()) })
}

func shared(t *testing.T, stage Stage) {
	one, other := newRig(t, stage), newRig(t, stage)
	message := []byte{0x01, 0x82, 0, 0, 0, 0, 0xe2, 0x82} // a rune and a message, both unfinished
	one.read(message)
	other.read([]byte{0x81, 0x81, 0, 0, 0, 0, 'a'})
	one.read([]byte{0x80, 0x81, 0, 0, 0, 0, 0xac})
	require.Len(t, one.ups, 1)
	require.Len(t, other.ups, 1)
	assert.Equal(t, "€", text(one.ups[0]))
	assert.Equal(t, "a", text(other.ups[0]))
	one.read([]byte{0x83})
	one.end()
	require.NotNil(t, one.closed)
	assert.Nil(t, other.hangup)
}

func TestTap(t *testing.T) {
	var saw, ups, downs []string
	see := func(item any) { saw = append(saw, "saw "+item.(string)) }
	onUp, onDown := Tap(see, nil)(record(&ups), record(&downs))
	onUp("a")
	onDown("b")
	assert.Equal(t, []string{"saw a"}, saw)
	assert.Equal(t, []string{"a"}, ups)
	assert.Equal(t, []string{"b"}, downs)

	onUp, onDown = Tap(nil, see)(record(&ups), record(&downs))
	onUp("c")
	onDown("d")
	assert.Equal(t, []string{"saw a", "saw d"}, saw)
}

// What a stage does not know it passes on, in both directions.
func TestUnknownItemsPass(t *testing.T) {
	type note struct{ text string }
	for _, stage := range []Stage{
		AutoPong{}.Stage(), AutoPing{}.Stage(), Assemble, Stream, Limit{}.Stage(), Text, Closing{}.Stage(), Codec{}.Stage(), Deflate{}.Stage(),
	} {
		var ups, downs []any
		onUp, onDown := stage(func(item any) { ups = append(ups, item) }, func(item any) { downs = append(downs, item) })
		up, down := &note{"up"}, &note{"down"}
		onUp(up)
		onDown(down)
		assert.Equal(t, []any{up}, ups)
		assert.Equal(t, []any{down}, downs)
	}
}

type weighty struct{ n int }

func (w *weighty) Weight() int { return w.n }

// What an item costs is asked of the item, so that a typed message counts as its frame.
func TestWeight(t *testing.T) {
	assert.Equal(t, 5, Weight(frame.Text("hello")))
	assert.Equal(t, 7, Weight(&weighty{7}))
	assert.Zero(t, Weight(&Closed{}))
	assert.Zero(t, Weight(nil))
}
