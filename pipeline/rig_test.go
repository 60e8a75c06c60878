package pipeline

import (
	"bytes"
	"crypto/subtle"
	"errors"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/spindrift-go/spindrift/frame"
)

// terms are the options of the whole default chain, by their zero value the
// defaults of package sockets. -1 lifts a limit.
type terms struct {
	client      bool
	frame       int64
	message     int64
	fragments   int
	time        time.Duration
	control     int
	close       time.Duration
	ping, pong  time.Duration
	oneWay      bool
	show        bool
	stream      bool
	noPong      bool
	deflate     bool
	pingPayload func() []byte
	maskGen     func() [4]byte
}

func or[T ~int | ~int64](v, standard T) T {
	if v == 0 {
		return standard
	}
	return max(0, v)
}

// parts are what package sockets makes of options.
func (o terms) parts() (Part, Part) {
	alive := &KeepAlive{AutoPing: o.autoPing()}
	if !o.noPong {
		alive.AutoPong = &AutoPong{Show: o.show}
	}
	core := &Core{Stream: o.stream, Limit: o.limit(), Closing: o.closing(), Codec: o.codec()}
	if o.deflate {
		core.Deflate = &Deflate{Client: o.client}
	}
	return alive, core
}

// chain is what a Pipeline makes of them, as one stage.
func (o terms) chain() Stage {
	top, core := o.parts()
	return Chain(top.Stage(), core.Stage())
}

// core is the second of them.
func (o terms) core() Part {
	_, core := o.parts()
	return core
}

// links is the same of single stages.
func (o terms) links() Stage {
	stages := []Stage{}
	if !o.noPong {
		stages = append(stages, AutoPong{Show: o.show}.Stage())
	}
	stages = append(stages, o.autoPing().Stage())
	stages = append(stages, Sequence{RSV: o.codec().RSV}.Stage())
	if o.stream {
		stages = append(stages, Stream)
	} else {
		stages = append(stages, Assemble)
	}
	stages = append(stages, o.limit().Stage(), Text)
	if o.deflate {
		stages = append(stages, Deflate{Client: o.client}.Stage())
	}
	return Chain(append(stages, o.closing().Stage(), o.codec().Stage())...)
}

func (o terms) autoPing() AutoPing {
	return AutoPing{Interval: or(o.ping, 30*time.Second), Timeout: or(o.pong, 20*time.Second), OneWay: o.oneWay, Show: o.show, Payload: o.pingPayload}
}

func (o terms) limit() Limit {
	return Limit{Message: or(o.message, 1<<20), Time: or(o.time, time.Minute), ControlRate: or(o.control, 200)}
}

func (o terms) closing() Closing {
	return Closing{Client: o.client, Timeout: or(o.close, 5*time.Second)}
}

func (o terms) codec() Codec {
	c := Codec{Client: o.client, MaxFrame: or(o.frame, 1<<20), Fragments: or(o.fragments, 4096), MaskGen: o.maskGen}
	if o.deflate {
		c.RSV = frame.RSV1
	}
	return c
}

// rig drives a Pipeline as package actors does, with a clock that stands still
// until it is moved and a slice in place of a socket.
type rig struct {
	t        testing.TB
	pipeline *Pipeline
	onUp     Sink // of the pipeline
	onDown   Sink // of the pipeline
	now      time.Time
	lastRead time.Time
	unread   time.Duration
	timers   []timer // by time

	ups     []any // what the handler was given
	out     []byte
	blocked bool // the wire takes nothing
	holding bool // the handler is busy: Settle waits
	settles int  // that wait
	hangup  *Hangup
	lost    bool
	closed  *Closed
}

type timer struct {
	at    time.Time
	event any
}

var epoch = time.Date(2011, 12, 11, 0, 0, 0, 0, time.UTC) // RFC 6455

// newRig is a rig of stages that are no Part of their own.
func newRig(t testing.TB, stage Stage) *rig { return newRigOf(t, Chain(), stage) }

func newRigOf(t testing.TB, top, core Part) *rig {
	r := &rig{t: t, now: epoch, lastRead: epoch}
	r.pipeline = New(r, top, core)
	r.onUp, r.onDown = r.pipeline.Up, r.pipeline.Down
	r.up(&Start{})
	return r
}

func (r *rig) Deliver(item any) { r.top(item) }
func (r *rig) Emit(item any)    { r.bottom(item) }
func (r *rig) Outcome(*Closed)  {}

// top takes what is for the handler.
func (r *rig) top(item any) {
	if r.closed != nil {
		r.t.Fatalf("%T %v went up after Closed", item, item)
	}
	switch m := item.(type) {
	case *Start, *Written, *Settled, *Unfinished:
		return // meant for stages
	case *Input, *Lost, *Ended, *Stalled, *Overflow, *HandlerGone, *frame.Error, *wait, *look, *overdue:
		r.t.Fatalf("%T reached the handler", item)
	case *Closed:
		r.closed = m
	}
	r.ups = append(r.ups, item)
}

// bottom takes what is for the wire.
func (r *rig) bottom(item any) {
	switch m := item.(type) {
	case *Closes: // behind each Close of ours: a driver that reads has nothing to do
		return
	case Appender:
		if r.hangup != nil {
			r.t.Fatalf("output after %+v", *r.hangup)
		}
		size := len(r.out)
		said := m.Size()
		r.out = m.Append(r.out)
		if grown := len(r.out) - size; grown > said || grown < said-frame.MaxHeader {
			r.t.Fatalf("Size says %d, Append adds %d", said, grown)
		}
	case *After:
		if m.Replace {
			r.timers = slices.DeleteFunc(r.timers, func(t timer) bool { return t.event == m.Event })
		}
		i := len(r.timers)
		for at := r.now.Add(m.Delay); i > 0 && r.timers[i-1].at.After(at); i-- {
		}
		r.timers = slices.Insert(r.timers, i, timer{r.now.Add(m.Delay), m.Event})
	case *Status:
		*m = Status{Now: r.now, LastRead: r.lastRead, Unread: r.unread, Blocked: r.blocked, Waiting: len(r.out)}
	case *Settle:
		if r.holding {
			r.settles++
		} else {
			r.onUp(&Settled{})
		}
	case *Hangup:
		if r.hangup != nil && (r.hangup.Cut || !m.Cut) {
			r.t.Fatalf("%+v after %+v", *m, *r.hangup)
		}
		r.hangup = m
	case *Limits, *Hold:
	default:
		r.t.Fatalf("%T left the pipeline downwards", item)
	}
}

// up feeds an item from the wire.
func (r *rig) up(item any) {
	if r.lost {
		switch item.(type) {
		case *wait, *look, *overdue: // timers may outlive the connection
		default:
			return
		}
	}
	_, lost := item.(*Lost)
	r.lost = r.lost || lost
	r.onUp(item)
	r.conclude()
}

// conclude is the end of a turn: a connection that was cut is lost.
func (r *rig) conclude() {
	if r.hangup != nil && r.hangup.Cut && !r.lost {
		r.up(&Lost{})
	}
}

// rubbish is what an Input becomes when it was read.
var rubbish = bytes.Repeat([]byte{0xAA}, 4<<10)

// read feeds bytes from the peer. They are borrowed: afterwards they are gone.
func (r *rig) read(p []byte) {
	r.lastRead = r.now
	p = slices.Clone(p)
	in := &Input{Data: p}
	r.up(in)
	if !r.lost && len(in.Data) > 0 {
		r.t.Fatalf("%d bytes left in an Input without Pause", len(in.Data))
	}
	for len(p) > 0 {
		p = p[copy(p, rubbish):]
	}
}

// down sends an item from the handler.
func (r *rig) down(item any) {
	r.onDown(item)
	r.conclude()
}

// wait moves the clock, stopping at every timer that is due.
func (r *rig) wait(d time.Duration) {
	end := r.now.Add(d)
	for len(r.timers) > 0 && !r.timers[0].at.After(end) {
		t := r.timers[0]
		r.timers = r.timers[1:]
		r.now = t.at
		r.up(t.event)
	}
	r.now = end
}

// settle says that the handler has worked through everything.
func (r *rig) settle() {
	r.holding = false
	for ; r.settles > 0; r.settles-- {
		r.up(&Settled{})
	}
}

// flow says that the wire takes output again.
func (r *rig) flow() {
	r.blocked = false
	r.up(&Written{})
}

// end is the peer's end of the stream after a Hangup.
func (r *rig) end() *Closed {
	if r.hangup != nil && !r.lost {
		r.up(&Lost{Err: io.EOF})
	}
	return r.closed
}

// sent takes the next frame off the out buffer and returns it unmasked. It must
// be one that this side may send.
func (r *rig) sent(client bool) (*frame.Frame, bool) {
	if len(r.out) == 0 {
		return nil, false
	}
	f, n, err := parse(r.out, client)
	require.NoError(r.t, err)
	r.out = r.out[n:]
	return f, true
}

var errIncomplete = errors.New("incomplete frame")

// parse reads one frame, RFC 6455 5.2, by other means than the decoder's.
func parse(p []byte, masked bool) (*frame.Frame, int, error) {
	if len(p) < 2 {
		return nil, 0, errIncomplete
	}
	f := &frame.Frame{Header: frame.Header{Fin: p[0]>>7 == 1, RSV: p[0] & 0x70, Opcode: frame.Opcode(p[0] & 15)}}
	length, n := int64(p[1]&0x7f), 2
	for size := map[int64]int{126: 2, 127: 8}[length]; size > 0; size-- {
		if n == 2 {
			length = 0
		}
		if len(p) <= n {
			return nil, 0, errIncomplete
		}
		length = length<<8 | int64(p[n])
		n++
	}
	if (p[1]>>7 == 1) != masked {
		return nil, 0, errors.New("mask of the other side")
	}
	var key [4]byte
	if masked {
		n += copy(key[:], p[n:])
	}
	if int64(len(p)-n) < length {
		return nil, 0, errIncomplete
	}
	f.Payload = make([]byte, length)
	subtle.XORBytes(f.Payload, p[n:n+int(length)], bytes.Repeat(key[:], len(f.Payload)/4+1))
	return f, n + int(length), nil
}
