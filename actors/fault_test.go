package actors

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spindrift-go/spindrift/actors/dispatch"
	"github.com/spindrift-go/spindrift/actors/transport"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// fake is a wire without a socket: what a peer sends is put into it, what this
// end writes is kept, and one of its operations may fail.
type fake struct {
	mailbox *dispatch.Mailbox

	mu      sync.Mutex
	in      string // sent by the peer, not read yet
	mute    bool   // what the peer sends is lost
	eof     bool   // the peer has closed its half
	out     []byte // written
	buffer  int    // capacity of the largest that was written from
	space   int    // for so many bytes more; negative: any
	broken  error  // of every write
	fault   fault
	op      int // reads and writes so far
	struck  bool
	shuts   int // calls of closeWrite
	closes  int
	aborted atomic.Bool
	abuse   []string // calls that may not be made
	unread  bool     // what HasUnread says
}

// fault makes the operation with number at do what hit says.
type fault struct {
	name string
	at   int // from 1; 0: none
	// hit is given what the operation would do: how many bytes it would move. It
	// returns how many it may, and the error.
	hit func(w *fake, read bool, n int) (int, error)
}

func (w *fake) arrives(s string) {
	w.mu.Lock()
	w.in += s
	w.mu.Unlock()
	w.mailbox.Signal(transport.Readable)
}

// waits is arrives of which nobody tells yet.
func (w *fake) waits(s string) {
	w.mu.Lock()
	w.in += s
	w.mu.Unlock()
}

func (w *fake) ends() {
	w.mu.Lock()
	w.eof = true
	w.mu.Unlock()
	w.mailbox.Signal(transport.Readable | transport.Ended)
}

// accepts gives the wire space for n bytes; negative: for any number.
func (w *fake) accepts(n int) {
	w.mu.Lock()
	w.space = n
	w.mu.Unlock()
	w.mailbox.Signal(transport.Writable)
}

// later calls readiness back after a while.
func (w *fake) later(bits uint32) {
	time.AfterFunc(time.Second, func() { w.mailbox.Signal(bits) })
}

// strike counts an operation that would move n bytes.
func (w *fake) strike(read bool, n int) (int, error) {
	if w.closes > 0 {
		w.abuse = append(w.abuse, "used after close")
	}
	w.op++
	if w.fault.at > 0 && w.op == w.fault.at {
		w.struck = true
		return w.fault.hit(w, read, n)
	}
	return n, nil
}

func (w *fake) Read(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n, err := w.strike(true, min(len(p), len(w.in)))
	if w.mute {
		n, w.in = 0, ""
	}
	n = copy(p, w.in[:n])
	w.in = w.in[n:]
	switch {
	case err != nil || n > 0:
		return n, err
	case w.eof:
		return 0, io.EOF
	}
	return 0, transport.ErrAgain
}

func (w *fake) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.shuts > 0 && len(p) > 0 {
		w.abuse = append(w.abuse, "written after closeWrite")
	}
	if w.broken != nil {
		return 0, w.broken
	}
	n, err := w.strike(false, len(p))
	if w.space >= 0 && n > w.space {
		n, err = w.space, transport.ErrAgain
	}
	if w.space >= 0 {
		w.space -= n
	}
	w.out = append(w.out, p[:n]...)
	w.buffer = max(w.buffer, cap(p))
	return n, err
}

func (w *fake) Buffered() int { return 0 }

func (w *fake) HasUnread() bool { return w.unread }

func (w *fake) InterruptWrite() bool { return false }

func (w *fake) Failure() error { return nil }

func (w *fake) Written() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return int64(len(w.out))
}

func (w *fake) Writev(head, body []byte) (int, error) { return transport.WriteBoth(w, head, body) }

func (w *fake) Abort() { w.aborted.Store(true) }

func (w *fake) CanCloseWrite() bool { return true }

func (w *fake) CloseWrite() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.shuts++; w.shuts > 1 || w.closes > 0 {
		w.abuse = append(w.abuse, "closeWrite again")
	}
}

func (w *fake) Close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closes++
}

// written is what the peer has seen.
func (w *fake) written() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return string(w.out)
}

// startFake makes a connection over a fake wire, in a bubble.
func (w *world) startFake(plan *Plan) (*peer, *fake) {
	f := &fake{space: -1}
	return w.startOver(plan, f), f
}

func (w *world) startOver(plan *Plan, f *fake) *peer {
	return w.start(plan, func(m *dispatch.Mailbox) transport.Transport {
		f.mailbox = m
		return f
	})
}

// unclean are the faults that a wire may have and nobody is to notice.
var unclean = []fault{
	{name: "short", hit: func(w *fake, read bool, n int) (int, error) {
		if n == 0 {
			return n, nil
		}
		return 1, nil
	}},
	{name: "again", hit: func(w *fake, read bool, n int) (int, error) {
		w.later(transport.Readable | transport.Writable)
		return 0, transport.ErrAgain
	}},
	{name: "short and again", hit: func(w *fake, read bool, n int) (int, error) {
		w.later(transport.Readable | transport.Writable)
		return min(n, 1), transport.ErrAgain
	}},
	{name: "all and again", hit: func(w *fake, read bool, n int) (int, error) {
		w.later(transport.Readable | transport.Writable)
		return n, transport.ErrAgain
	}},
	{name: "half", hit: func(w *fake, read bool, n int) (int, error) { return (n + 1) / 2, nil }},
}

// deadly are those that end the connection.
var deadly = []fault{
	{name: "reset", hit: func(w *fake, read bool, n int) (int, error) {
		w.eof, w.in = true, ""
		return 0, syscall.ECONNRESET
	}},
	{name: "write fails, read goes on", hit: func(w *fake, read bool, n int) (int, error) {
		if read {
			return n, nil
		}
		return 0, syscall.EPIPE
	}},
	{name: "written in part, then failed", hit: func(w *fake, read bool, n int) (int, error) {
		return n / 2, syscall.EPIPE
	}},
	{name: "end", hit: func(w *fake, read bool, n int) (int, error) {
		if !read {
			return n, nil
		}
		w.eof, w.in = true, ""
		return 0, io.EOF
	}},
	{name: "takes nothing any more", hit: func(w *fake, read bool, n int) (int, error) {
		if read {
			return n, nil
		}
		w.space = 0
		return 0, transport.ErrAgain
	}},
	{name: "says nothing any more", hit: func(w *fake, read bool, n int) (int, error) {
		if !read {
			return n, nil
		}
		w.mute = true
		return 0, transport.ErrAgain
	}},
}

// conversation is what a peer sends, step by step, and what it has seen at the end.
type conversation struct {
	name  string
	steps []string
	want  string
	end   pipeline.Closed
	close *frame.Frame // after the last step this end closes; nil: it does not
}

func conversations() []conversation {
	long := strings.Repeat("spindrift ", 7<<10) // takes more than one read and one burst
	text := func(s string) string { return string(frame.Append(nil, frame.Text(s))) }
	pong := func(s string) string { return string(frame.Append(nil, frame.Pong([]byte(s)))) }
	bye := string(frame.Append(nil, frame.Close(frame.Normal, "")))
	whole := masked(frame.Text("in pieces"))
	tiny := strings.Repeat(masked(frame.Text("x")), 200)
	return []conversation{
		{
			name: "peer closes",
			steps: []string{
				masked(frame.Text("hello")), whole[:1], whole[1:9], whole[9:],
				masked(frame.Ping([]byte("?"))),
				masked(frame.Text(long)), tiny, masked(frame.Ping([]byte("!"))),
				masked(frame.Close(frame.Normal, "bye")),
			},
			want: "101" + text("hello") + text("in pieces") + pong("?") + text(long) + strings.Repeat(text("x"), 200) + pong("!") + bye,
			end:  pipeline.Closed{Code: frame.Normal, Reason: "bye", Clean: true, By: pipeline.Peer},
		},
		{
			name:  "this end closes",
			steps: []string{masked(frame.Text("hello")) + masked(frame.Text(long))},
			close: frame.Close(frame.Normal, ""),
			want:  "101" + text("hello") + text(long) + bye,
			end:   pipeline.Closed{Code: frame.Normal, Clean: true, By: pipeline.Local},
		},
	}
}

// play runs c over f, each step when the one before has had its effect.
func (c conversation) play(w *world, h *handler, f *fake) {
	plan := w.plan(h)
	plan.Greeting = []byte("101")
	p := w.startOver(plan, f)
	synctest.Wait()
	for _, step := range c.steps {
		f.arrives(step)
		synctest.Wait()
		time.Sleep(2 * time.Second) // for what is ready later
	}
	if c.close != nil {
		p.tell(c.close)
		time.Sleep(2 * time.Second)
		f.arrives(masked(c.close))
	}
	time.Sleep(2 * time.Second)
	f.ends()
	time.Sleep(time.Minute) // every limit has had its time
	synctest.Wait()
	require.True(w, p.ended(), "the connection has not ended")
	require.Equal(w, 1, f.closes, "calls of close")
	require.Empty(w, f.abuse)
}

// Every read and every write fails in turn, in every way, until one conversation
// goes by without. Whatever happens, the handler is told all of it, its hello first and its Closed last, the
// wire is closed once, and nothing is left; what a wire may do at any time makes
// no difference at all.
func TestFaults(t *testing.T) {
	for _, c := range conversations() {
		for i, kind := range append(unclean, deadly...) {
			harmless := i < len(unclean)
			t.Run(c.name+"/"+kind.name, func(t *testing.T) {
				for n := 1; ; n++ {
					require.Less(t, n, 500, "does not end")
					struck := false
					ok := t.Run(fmt.Sprint(n), func(t *testing.T) {
						virtually(t, func(w *world) {
							h := w.handler(echo)
							f := &fake{space: -1, fault: kind}
							f.fault.at = n
							c.play(w, h, f)
							struck = f.struck
							got := *h.closed()
							switch seen := f.written(); {
							case harmless || !struck:
								require.True(w, c.want == seen, "%d bytes written, want %d", len(seen), len(c.want))
								require.Equal(w, c.end, got)
							default:
								c.judge(w, seen, got)
							}
						})
					})
					if !ok || !struck {
						return
					}
				}
			})
		}
	}
}

// judge looks at a conversation that was cut short.
func (c conversation) judge(t require.TestingT, seen string, got pipeline.Closed) {
	common := 0
	if strings.HasPrefix(c.want, seen) {
		common = len(seen) // or byte by byte
	}
	for common < min(len(seen), len(c.want)) && seen[common] == c.want[common] {
		common++
	}
	if rest := seen[common:]; rest != "" {
		// Instead of what was due, the Close of a stall may begin.
		assert.True(t, strings.HasPrefix(rest, "\x88"), "% .20x", rest)
	}
	if got.Clean {
		assert.Equal(t, c.end, got)
		assert.Equal(t, len(c.want), len(seen), "our Close was not written")
		return
	}
	require.Error(t, got.Err)
	var failure *frame.Error
	switch {
	case errors.Is(got.Err, syscall.ECONNRESET), errors.Is(got.Err, syscall.EPIPE),
		errors.Is(got.Err, io.ErrUnexpectedEOF), errors.Is(got.Err, pipeline.ErrCloseTimeout):
	case errors.As(got.Err, &failure):
		assert.ErrorIs(t, got.Err, pipeline.ErrSlowConsumer)
	default:
		assert.NoError(t, got.Err)
	}
}

// panics is a stage that panics at the item with number at, of those that pass up
// or down.
func panics(up bool, at int) (pipeline.Stage, *int) {
	n := new(int)
	look := func(any) {
		if *n++; *n == at {
			panic("stage")
		}
	}
	if up {
		return pipeline.Tap(look, nil), n
	}
	return pipeline.Tap(nil, look), n
}

// A stage that panics, wherever that is, ends its connection and no other.
func TestStagePanics(t *testing.T) {
	for _, c := range conversations() {
		for _, up := range []bool{true, false} {
			for _, top := range []bool{true, false} {
				t.Run(fmt.Sprintf("%s/up=%v/top=%v", c.name, up, top), func(t *testing.T) {
					for n := 1; ; n++ {
						require.Less(t, n, 2000, "does not end")
						done := false
						ok := t.Run(fmt.Sprint(n), func(t *testing.T) {
							virtually(t, func(w *world) {
								done = c.panicking(w, up, top, n)
							})
						})
						if !ok || done {
							return
						}
						if n > 40 {
							n += 17
						}
					}
				})
			}
		}
	}
}

// panicking reports whether there was no panic any more.
func (c conversation) panicking(w *world, up, top bool, at int) (done bool) {
	h := w.handler(echo)
	f := &fake{space: -1}
	stage, count := panics(up, at)
	plan := w.plan(h)
	plan.Greeting = []byte("101")
	if top {
		plan.Top = pipeline.Chain(stage, plan.Top.Stage())
	} else {
		plan.Core = pipeline.Chain(plan.Core.Stage(), stage)
	}
	p := w.startOver(plan, f)
	for _, step := range append(c.steps, "") {
		synctest.Wait()
		f.arrives(step)
	}
	synctest.Wait()
	if c.close != nil {
		p.tell(c.close)
		synctest.Wait()
		f.arrives(masked(c.close))
		synctest.Wait()
	}
	f.ends()
	time.Sleep(time.Minute)
	synctest.Wait()
	require.True(w, p.ended(), "the connection has not ended")
	require.Equal(w, 1, f.closes, "calls of close")
	require.Empty(w, f.abuse)
	got := h.closed()
	if *count < at {
		require.Equal(w, c.end, *got)
		return true
	}
	if !got.Clean {
		require.ErrorContains(w, got.Err, "panic: stage")
	}
	return false
}
