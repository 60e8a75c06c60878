package actors

import (
	"errors"
	"io"
	"syscall"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// huge is the header of a frame of 2^40 bytes, and a few of them.
const huge = "\x82\xff\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00some"

// ending is a way in which a connection ends.
type ending struct {
	name string
	plan func(p *Plan)
	play func(p *peer, h *handler)
	want pipeline.Closed // but for Err
	err  error           // what Err is; nil: nothing
}

var endings = []ending{
	{
		name: "peer closes",
		play: func(p *peer, _ *handler) {
			p.send(masked(frame.Close(frame.Normal, "bye")))
			p.closes(frame.Normal)
			p.eof()
			p.half()
		},
		want: pipeline.Closed{Code: frame.Normal, Reason: "bye", Clean: true, By: pipeline.Peer},
	},
	{
		name: "handler closes",
		play: func(p *peer, _ *handler) {
			p.tell(frame.Close(4000, "enough"))
			p.closes(4000)
			p.send(masked(frame.Close(4000, "")))
			p.eof()
			p.half()
		},
		want: pipeline.Closed{Code: 4000, Reason: "enough", Clean: true, By: pipeline.Local},
	},
	{
		name: "handler closes, peer stalls in a frame of 2^40 bytes",
		plan: func(p *Plan) { p.Core = impatient(30 * time.Millisecond) },
		play: func(p *peer, _ *handler) {
			p.send(huge)
			p.tell(frame.Close(4000, ""))
			p.closes(4000)
			p.send("more of it")
			p.eof()
		},
		want: pipeline.Closed{Code: 4000, By: pipeline.Local},
		err:  pipeline.ErrCloseTimeout,
	},
	{
		name: "handler closes, peer is silent",
		plan: func(p *Plan) { p.Core = impatient(30 * time.Millisecond) },
		play: func(p *peer, _ *handler) {
			p.tell(frame.Close(4000, ""))
			p.closes(4000)
			p.eof()
		},
		want: pipeline.Closed{Code: 4000, By: pipeline.Local},
		err:  pipeline.ErrCloseTimeout,
	},
	{
		name: "both Closes went, peer stays",
		play: func(p *peer, h *handler) {
			p.send(masked(frame.Close(frame.Normal, "")))
			p.closes(frame.Normal)
			p.eof()
			h.closed() // though we have not ended
			h.seen--
		},
		want: pipeline.Closed{Code: frame.Normal, Clean: true, By: pipeline.Peer},
	},
	{
		name: "peer ends without a Close",
		play: func(p *peer, _ *handler) { p.half(); p.eof() },
		want: pipeline.Closed{Code: frame.Abnormal, By: pipeline.Nobody},
		err:  io.ErrUnexpectedEOF,
	},
	{
		name: "peer ends in the middle of a frame",
		play: func(p *peer, _ *handler) { p.send(huge); p.half(); p.eof() },
		want: pipeline.Closed{Code: frame.Abnormal, By: pipeline.Nobody},
		err:  io.ErrUnexpectedEOF,
	},
	{
		name: "peer resets",
		play: func(p *peer, _ *handler) { p.reset() },
		want: pipeline.Closed{Code: frame.Abnormal, By: pipeline.Nobody},
		err:  syscall.ECONNRESET,
	},
	{
		name: "peer resets in the middle of a frame",
		play: func(p *peer, h *handler) {
			p.send(masked(frame.Text("whole")), huge)
			h.greeted()
			h.text("whole")
			p.reset()
		},
		want: pipeline.Closed{Code: frame.Abnormal, By: pipeline.Nobody},
		err:  syscall.ECONNRESET,
	},
	{
		name: "peer resets during the close handshake",
		play: func(p *peer, _ *handler) {
			p.tell(frame.Close(4000, ""))
			p.closes(4000)
			p.reset()
		},
		want: pipeline.Closed{Code: 4000, By: pipeline.Local},
		err:  syscall.ECONNRESET,
	},
	{
		name: "peer breaks the rules",
		play: func(p *peer, _ *handler) {
			p.send("\x83\x80....")
			p.closes(frame.ProtocolError)
			p.eof()
			p.half()
		},
		want: pipeline.Closed{Code: frame.ProtocolError, Reason: "reserved opcode", By: pipeline.Local},
		err:  frame.Failure(frame.ProtocolError, "reserved opcode"),
	},
	{
		name: "connection is stopped",
		play: func(p *peer, _ *handler) {
			p.system.Root.Stop(p.pid)
			p.closes(frame.GoingAway)
			p.eof()
		},
		want: pipeline.Closed{Code: frame.GoingAway, By: pipeline.Local},
		err:  ErrStopped,
	},
	{
		name: "connection is poisoned",
		play: func(p *peer, _ *handler) {
			p.tell(frame.Text("first"))
			p.system.Root.Poison(p.pid)
			p.text("first")
			p.closes(frame.GoingAway)
			p.eof()
		},
		want: pipeline.Closed{Code: frame.GoingAway, By: pipeline.Local},
		err:  ErrStopped,
	},
	{
		name: "connection is stopped in the middle of a frame",
		play: func(p *peer, h *handler) {
			p.send(masked(frame.Text("whole")), huge)
			h.greeted()
			h.text("whole")
			p.system.Root.Stop(p.pid)
			p.closes(frame.GoingAway)
		},
		want: pipeline.Closed{Code: frame.GoingAway, By: pipeline.Local},
		err:  ErrStopped,
	},
	{
		name: "a stage fails the connection",
		plan: func(p *Plan) {
			p.Top = pipeline.Stage(func(up, down pipeline.Sink) (pipeline.Sink, pipeline.Sink) {
				return func(item any) {
					if _, ok := item.(*frame.Frame); ok {
						down(frame.Failure(4001, "not that"))
						return
					}
					up(item)
				}, down
			})
		},
		play: func(p *peer, _ *handler) {
			p.send(masked(frame.Text("this")))
			require.Equal(p, "not that", p.closes(4001))
			p.eof()
			p.half()
		},
		want: pipeline.Closed{Code: 4001, Reason: "not that", By: pipeline.Local},
		err:  frame.Failure(4001, "not that"),
	},
}

// impatient is core with little time for the peer's Close.
func impatient(d time.Duration) pipeline.Stage {
	return pipeline.Chain(pipeline.Assemble, pipeline.Closing{Timeout: d}.Stage(), pipeline.Codec{}.Stage())
}

func TestEndings(t *testing.T) {
	everywhere(t, func(w *world) {
		for _, e := range endings {
			w.Run(e.name, func(t *testing.T) {
				w := newWorld(t, w.setting)
				h := w.handler()
				plan := w.plan(h)
				if e.plan != nil {
					e.plan(plan)
				}
				p := w.link(plan)
				e.play(p, h)
				got := *h.closed()
				err := got.Err
				got.Err = nil
				require.Equal(t, e.want, got)
				require.True(t, e.is(err), "%v, want %v", err, e.err)
			})
		}
	})
}

// is reports whether err is the one expected.
func (e ending) is(err error) bool {
	var failure *frame.Error
	if errors.As(e.err, &failure) {
		var got *frame.Error
		return errors.As(err, &got) && *got == *failure
	}
	return errors.Is(err, e.err)
}

// What a handler that is spawned with its connection, one that several share, one
// on the dispatcher and one on proto.actor's dispatcher see of an end is the same.
func TestHandlerEnds(t *testing.T) {
	end := func(ctx actor.Context) {
		if f, ok := ctx.Message().(*frame.Frame); ok {
			switch f.String() {
			case "panic":
				panic("as asked")
			case "stop":
				ctx.Stop(ctx.Self())
			case "poison":
				ctx.Poison(ctx.Self())
			}
			ctx.Respond(f)
		}
	}
	for _, test := range []struct {
		ask   string
		own   bool
		err   string
		heard bool // its last answer still goes out
	}{
		{ask: "panic", own: true, err: "frame handler panicked: as asked"},
		{ask: "stop", own: true, err: "frame handler stopped", heard: true},
		{ask: "poison", own: true, err: "frame handler stopped", heard: true},
		{ask: "stop", err: "frame handler stopped", heard: true},
		{ask: "poison", err: "frame handler stopped", heard: true},
	} {
		name := test.ask
		if test.own {
			name += " of its own"
		}
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(w *world) {
				h := w.spawned(end)
				h.mortal = true
				if !test.own {
					h.pid = w.system.Root.Spawn(h.props)
				}
				plan := w.plan(h)
				var outcome *pipeline.Closed
				told := make(chan struct{})
				plan.Core = pipeline.Chain(pipeline.Tap(func(item any) {
					if c, ok := item.(*pipeline.Closed); ok {
						outcome = c
						close(told)
					}
				}, nil), plan.Core.Stage())
				p := w.link(plan)
				p.send(masked(frame.Text("hi")))
				p.text("hi")
				p.send(masked(frame.Text(test.ask)))
				if test.heard {
					p.text(test.ask)
				}
				p.closes(frame.InternalError)
				p.eof()
				p.half()
				await(t, told, "Closed")
				assert.Equal(t, frame.InternalError, outcome.Code)
				assert.Equal(t, pipeline.Local, outcome.By)
				assert.False(t, outcome.Clean)
				require.EqualError(t, outcome.Err, test.err)
			})
		})
	}
}

// A handler that does not exist is found out at once.
func TestHandlerThatDoesNotExist(t *testing.T) {
	everywhere(t, func(w *world) {
		h := w.spawned()
		h.pid = w.system.NewLocalPID("nobody")
		p := w.link(w.plan(h))
		p.closes(frame.InternalError)
		p.eof()
		p.half()
	})
}

// All connections of a handler that stops end with 1011.
func TestSharedHandlerStops(t *testing.T) {
	w := newWorld(t, onPoller)
	h := w.spawned()
	h.mortal = true
	h.pid = w.system.Root.Spawn(h.props)
	plan := w.plan(h)
	peers := make([]*peer, 200)
	for i := range peers {
		peers[i] = w.link(plan)
	}
	w.system.Root.Stop(h.pid)
	for _, p := range peers {
		p.closes(frame.InternalError)
		p.eof()
		p.half()
	}
}

// Who names a shared handler that has stopped is told so, also while one that was told before is
// still there.
func TestSharedHandlerHasStopped(t *testing.T) {
	everywhere(t, func(w *world) {
		h := w.spawned()
		h.mortal = true
		h.pid = w.system.Root.Spawn(h.props)
		plan := w.plan(h)
		first := w.link(plan)
		w.system.Root.Stop(h.pid)
		first.closes(frame.InternalError)
		first.eof() // its connection is there until we close it
		second := w.link(plan)
		second.closes(frame.InternalError)
		second.eof()
		second.half()
		first.half()
	})
}

// A connection that is told to end by somebody else while it is in the middle of
// a turn does so when the turn is over.
func TestStoppedInTheMiddleOfATurn(t *testing.T) {
	everywhere(t, func(w *world) {
		h := w.handler()
		plan := w.plan(h)
		inside, leave := make(chan struct{}), make(chan struct{})
		plan.Core = pipeline.Chain(pipeline.Tap(func(item any) {
			if f, ok := item.(*frame.Frame); ok && f.String() == "wait" {
				close(inside)
				<-leave
			}
		}, nil), plan.Core.Stage())
		p := w.link(plan)
		p.send(masked(frame.Text("wait")), masked(frame.Text("and see")))
		await(w.T, inside, "the turn")
		w.system.Root.Stop(p.pid)
		close(leave)
		h.greeted()
		h.text("wait")
		h.text("and see")
		require.ErrorIs(w, expect[*pipeline.Closed](h).Err, ErrStopped)
		p.closes(frame.GoingAway)
	})
}
