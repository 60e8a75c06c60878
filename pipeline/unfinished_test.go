package pipeline

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/spindrift-go/spindrift/frame"
)

// ends plays a Closing, and spells what it sends up and down.
type ends struct {
	up, down Sink
	saw      []string
	why      []error      // of each Unfinished
	refuse   *frame.Error // what a stage above says of the next frame
}

func newEnds() *ends {
	e := new(ends)
	spell := func(item any) {
		what := ""
		switch m := item.(type) {
		case *frame.Frame:
			what = spell(m)
		case *Unfinished:
			what, e.why = "unfinished", append(e.why, m.Err)
		case *Settled:
			what = "settled"
		case *Hangup:
			what = "hangup"
		default:
			return
		}
		e.saw = append(e.saw, what)
	}
	e.up, e.down = Closing{}.Stage()(func(item any) {
		if _, ok := item.(*frame.Frame); ok && e.refuse != nil {
			e.down(e.refuse)
		}
		spell(item)
	}, spell)
	return e
}

// Who waits for the rest of a message that goes up in pieces is told, once, that it will not come:
// as soon as that is certain, and why if the peer or the handler has failed.
func TestUnfinished(t *testing.T) {
	mistake, crash := frame.Failure(frame.ProtocolError, "wrong"), errors.New("crash")
	const first, last = "begin", "end"
	text := func(of string) *frame.Frame {
		if of == first {
			return frame.Fragment(frame.OpText, false, []byte("a"))
		}
		return frame.Fragment(frame.OpContinuation, true, []byte("b"))
	}
	ours, theirs := func(e *ends) { e.down(frame.Close(frame.Normal, "")) }, func(e *ends) { e.up(frame.Close(frame.Normal, "")) }
	begin, end := func(e *ends) { e.up(text(first)) }, func(e *ends) { e.up(text(last)) }
	wrong := func(e *ends) { // a stage above finds that in a piece
		e.refuse = mistake
		e.up(text(first))
	}
	fin, failed := func(e *ends) { e.up(&Ended{}) }, func(e *ends) { e.up(mistake) }
	settled, gone := func(e *ends) { e.up(&Settled{}) }, func(e *ends) { e.up(&HandlerGone{Err: crash}) }
	for name, tt := range map[string]struct {
		do   []func(e *ends)
		want []error
	}{
		"the peer closes":                    {[]func(*ends){begin, theirs, settled}, []error{nil}},
		"the peer ends":                      {[]func(*ends){begin, fin, settled}, []error{nil}},
		"the peer is wrong":                  {[]func(*ends){begin, failed, settled}, []error{mistake}},
		"a piece is wrong":                   {[]func(*ends){wrong, settled}, []error{mistake}},
		"the handler is gone":                {[]func(*ends){begin, gone}, []error{crash}},
		"it is cut":                          {[]func(*ends){begin, func(e *ends) { e.down(&Cut{}) }}, []error{nil}},
		"we close, then the peer":            {[]func(*ends){begin, ours, theirs}, []error{nil}},
		"we close, and it is begun":          {[]func(*ends){ours, begin, theirs}, []error{nil}},
		"we close, and the peer ends":        {[]func(*ends){ours, begin, fin}, []error{nil}},
		"it was whole":                       {[]func(*ends){begin, end, theirs, settled}, nil},
		"it was whole when we had closed":    {[]func(*ends){begin, ours, end, theirs}, nil},
		"the second one is not":              {[]func(*ends){begin, end, begin, theirs, settled}, []error{nil}},
		"what comes behind a Close is never": {[]func(*ends){theirs, begin, settled}, nil},
	} {
		e := newEnds()
		for _, do := range tt.do {
			do(e)
		}
		assert.Equal(t, tt.want, e.why, name)
		e.up(&Lost{})
		assert.Equal(t, tt.want, e.why, "%s, and it is lost", name)
	}
}

// A handler that is gone owes a peer that has said its last word nothing: it is answered at once,
// and what stages above keep back goes out before that.
func TestHandlerGoneBeforeOurAnswer(t *testing.T) {
	for name, word := range map[string]any{"a mistake": frame.Failure(frame.ProtocolError, "wrong"), "a Close": frame.Close(frame.Normal, "")} {
		e := newEnds()
		e.up(word)
		assert.Empty(t, e.saw, name)
		e.up(&HandlerGone{})
		assert.Equal(t, []string{"settled", "<close>", "hangup"}, e.saw, name)
	}
	e := newEnds()
	e.up(&HandlerGone{})
	e.up(&HandlerGone{})
	assert.Equal(t, []string{"<close>", "hangup"}, e.saw, "once")
}
