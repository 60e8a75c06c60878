package answering

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"time"
)

const (
	bufferSize = 32 << 10
	smallPiece = 4 << 10 // as much as net/http buffers
	lateFlush  = 10 * time.Millisecond
)

var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

// body is that of an answer, on its way to the client, if it may have to be waited for.
type body struct {
	Answer
	io.ReadCloser // nil: none
	once          sync.Once
	copied        int64 // bytes

	mu      sync.Mutex // the writer's: a late flush comes from a timer
	out     slowWriter
	waits   bool        // something was written and not flushed
	over    bool        // nothing more is written
	timer   *time.Timer // of the late flush; nil: everything is flushed as it comes
	unwatch func() bool // ends the watch for a client that leaves
}

func (b *body) close() {
	if b.ReadCloser != nil {
		b.once.Do(func() { b.ReadCloser.Close() })
	}
}

// copyMemory copies a body that is all there, which needs no timer and no watch for a client that leaves. It says how much it was,
// and whether all went out.
func (a *Answer) copyMemory(from io.ReadCloser, out slowWriter) (n int64, ok bool) {
	defer from.Close()
	buf := buffers.Get().(*[bufferSize]byte)
	defer buffers.Put(buf)
	for {
		read, err := from.Read(buf[:])
		n += int64(read)
		if read > 0 && !a.wrote(out.write(buf[:read])) {
			return n, false
		}
		if err != nil { // io.EOF: it knows no other
			out.extend(time.Now()) // for what net/http still has
			return n, true
		}
	}
}

// wrote says whether all went out. If not, net/http closes the connection.
func (a *Answer) wrote(err error) bool {
	if errors.Is(err, http.ErrContentLength) {
		a.Mistakes.Say("answer's body is longer than its ContentLength")
	}
	return err == nil
}

// copy copies the body, and closes it. What the client should see as it comes is flushed at once, anything else when nothing has
// followed for a moment. It says whether all went out.
func (b *body) copy(streamed, chunked bool) (ok bool) {
	defer b.close()
	defer b.end()
	if streamed {
		b.out.Flush()
		b.out.rest()
		b.watch()
	} else {
		b.waits = true // the header
		b.timer = time.AfterFunc(lateFlush, b.late)
	}
	buf := buffers.Get().(*[bufferSize]byte)
	defer buffers.Put(buf)
	for {
		n, err := b.Read(buf[:])
		if n > 0 {
			b.copied += int64(n)
			if !b.wrote(b.write(buf[:n], streamed)) {
				return false
			}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			if b.Request.Context().Err() == nil { // nobody has closed it for a client that left
				b.Mistakes.Say("answer's body failed", "error", err)
			}
			panic(http.ErrAbortHandler)
		}
	}
	if chunked { // a short body must not get a length: trailers would have no place
		b.mu.Lock()
		defer b.mu.Unlock()
		b.out.Flush()
	}
	return true
}

func (b *body) write(p []byte, flush bool) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.out.write(p); err != nil {
		return err
	}
	if flush {
		err := b.out.Flush()
		b.out.rest()
		return err
	}
	if !b.waits {
		b.waits = true
		b.timer.Reset(lateFlush)
	}
	return nil
}

// late flushes what waits while the body has nothing more to read, and from then on
// looks out for a client that leaves.
func (b *body) late() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.over {
		return
	}
	if b.waits {
		b.waits = false
		b.out.extend(time.Now())
		b.out.Flush()
		b.out.rest()
	}
	if b.unwatch == nil {
		b.watch()
	}
}

// LookEvery is how often a connection is looked at while its request waits: a client that has
// closed its sending half may still read, and what follows that brings no news.
const LookEvery = time.Second

// watch closes the body, in the middle of a Read if need be, when the client is gone.
// One that has closed its sending half may still read.
func (b *body) watch() {
	ctx, cancel := context.WithCancel(context.Background())
	stop := context.AfterFunc(b.Request.Context(), func() {
		for !b.Left() {
			select {
			case <-ctx.Done():
				return
			case <-time.After(LookEvery):
			}
		}
		b.close()
	})
	b.unwatch = func() bool { cancel(); return stop() }
}

func (b *body) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.over = true
	b.out.extend(time.Now()) // for what net/http still has
	if b.timer != nil {
		b.timer.Stop()
	}
	if b.unwatch != nil {
		b.unwatch()
	}
}

// inMemory reports whether r reads what is there already, so that nobody ever waits for it.
func inMemory(r io.ReadCloser) bool {
	t := reflect.TypeOf(r)
	if t != nopCloser && t != nopCloserTo {
		return false
	}
	switch reflect.ValueOf(r).Field(0).Interface().(type) { // the Reader that io.NopCloser was given
	case *strings.Reader, *bytes.Reader, *bytes.Buffer:
		return true
	}
	return false
}

// What io.NopCloser returns has no name. It is of another type where the Reader is an io.WriterTo.
var (
	nopCloser   = reflect.TypeOf(io.NopCloser(struct{ io.Reader }{}))
	nopCloserTo = reflect.TypeOf(io.NopCloser(strings.NewReader("")))
)

// slowWriter writes to a client that may take its time, but not stand still: a write in
// which nothing moves for stall fails.
type slowWriter struct {
	http.ResponseController
	to    io.Writer
	stall time.Duration // 0: for ever
	http2 bool          // a deadline ends the stream also when nothing is being written
	piece int           // written at a time
	since time.Time     // the deadline was moved
}

func (a *Answer) slowWriter() slowWriter {
	return slowWriter{ResponseController: *http.NewResponseController(a.Writer), to: a.Writer, stall: a.Stall, http2: a.Request.ProtoMajor >= 2, piece: bufferSize}
}

// extend moves the deadline, if that is worth it.
func (w *slowWriter) extend(now time.Time) {
	if w.stall > 0 && now.Sub(w.since) > w.stall/10 {
		w.since = now
		w.SetWriteDeadline(now.Add(w.stall))
	}
}

// rest takes the deadline away until the next write, where it must be.
func (w *slowWriter) rest() {
	if w.http2 && w.stall > 0 {
		w.since = time.Time{}
		w.SetWriteDeadline(time.Time{})
	}
}

// write writes p in pieces. A client for whom one took long gets smaller ones, so that
// the deadline is for as little as can be seen to move.
func (w *slowWriter) write(p []byte) error {
	for len(p) > 0 {
		began := time.Now()
		w.extend(began)
		n, err := w.to.Write(p[:min(len(p), w.piece)])
		if err != nil {
			return err
		}
		p = p[n:]
		if w.stall > 0 && time.Since(began) > w.stall/10 {
			w.piece = smallPiece
		}
	}
	return nil
}
