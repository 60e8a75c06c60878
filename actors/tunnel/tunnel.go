// Package tunnel is a stream of HTTP/2 in the place of a socket.
package tunnel

import (
	"io"
	"maps"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/spindrift-go/spindrift/actors/transport"
)

// Tunnel is the stream of an extended CONNECT over HTTP/2, RFC 8441, as a net.Conn that brings
// net/http's goroutine to read it. What it has of net/http is gone when that handler returns, so
// the handler calls Serve, which lasts as long as the stream.
//
// The end of our half is the return of the handler, so the two halves end together.
type Tunnel struct {
	Body          io.ReadCloser       // what the peer sends
	w             http.ResponseWriter // net/http's own: what middleware has put around it is for answers
	header        http.Header
	local, remote net.Addr
	reader        transport.Reader // nil: nobody reads

	mu      sync.Mutex
	changed sync.Cond // of what follows
	served  bool      // Serve has been called
	decided bool      // the connection is open, or is refused
	refused string    // why; "": it is not
	writing bool      // taken until the header is out, and during each write
	gone    bool      // nobody may write any more
	ended   bool
}

// New returns the stream that w answers and body is read of. header is sent when the
// connection is open.
func New(w http.ResponseWriter, body io.ReadCloser, header http.Header, local, remote net.Addr) *Tunnel {
	t := &Tunnel{w: w, Body: body, header: header, local: local, remote: remote, writing: true}
	t.changed.L = &t.mu
	return t
}

// Open has Serve send the header and begin to read.
func (t *Tunnel) Open() { t.set(&t.decided, true) }

// Refuse has Serve answer 500 and why: nobody takes the stream.
func (t *Tunnel) Refuse(why string) {
	t.refused = why
	t.set(&t.decided, true)
}

// set changes a fact that somebody may wait for.
func (t *Tunnel) set(fact *bool, to bool) {
	t.mu.Lock()
	*fact = to
	t.mu.Unlock()
	t.changed.Broadcast()
}

// await waits until a fact is so.
func (t *Tunnel) await(fact *bool, to bool) {
	t.mu.Lock()
	for *fact != to {
		t.changed.Wait()
	}
	t.mu.Unlock()
}

// Serve answers the request, reads, and returns when the stream may end, which the return of the
// handler then does. A second call waits for that.
//
// It is Begin, and while Next is true a read of no bytes from Body and Arrived. A server of many
// idle streams writes that down in place of a call: the goroutine spends the life of its stream
// there, and each frame of its stack counts.
func (t *Tunnel) Serve() {
	if t.Begin() {
		for t.Next() {
			_, err := t.Body.Read(nil)
			t.Arrived(err)
		}
	}
}

// Begin answers the request, and reports whether the caller is to read. If not, the stream has ended.
func (t *Tunnel) Begin() bool {
	t.mu.Lock()
	again := t.served
	t.served = true
	t.mu.Unlock()
	if again {
		return t.end()
	}
	t.await(&t.decided, true)
	control := http.NewResponseController(t.w)
	control.SetReadDeadline(time.Time{}) // the server's, for requests
	control.SetWriteDeadline(time.Time{})
	t.answer()
	t.set(&t.writing, false)
	return t.reader != nil || t.end()
}

// Next waits until more is to be read. It returns false when the stream has ended.
func (t *Tunnel) Next() bool { return t.reader.Next() || t.end() }

// Arrived takes what can be read from Body, or why nothing can.
func (t *Tunnel) Arrived(err error) { t.reader.Arrived(err) }

// end waits for the end.
func (t *Tunnel) end() bool {
	t.await(&t.ended, true)
	return false
}

func (t *Tunnel) answer() {
	h := t.w.Header()
	clear(h)
	if t.refused != "" {
		h.Set("Content-Type", "text/plain; charset=utf-8")
		t.w.WriteHeader(http.StatusInternalServerError)
		io.WriteString(t.w, t.refused+"\n")
		return
	}
	maps.Copy(h, t.header)
	t.header = nil
	t.w.WriteHeader(http.StatusOK)
	http.NewResponseController(t.w).Flush() // if that fails, so does the first read
}

// SetReader makes Tunnel a transport.ServedConn.
func (t *Tunnel) SetReader(r transport.Reader) { t.reader = r }

// Read reads what the peer sends. Its context, and so the end of the request, is net/http's.
func (t *Tunnel) Read(p []byte) (int, error) { return t.Body.Read(p) }

// Write returns when all of p has been sent: it waits for the windows of the peer.
func (t *Tunnel) Write(p []byte) (n int, err error) {
	if !t.beginWrite() {
		return 0, net.ErrClosed
	}
	if n, err = t.w.Write(p); err == nil {
		err = http.NewResponseController(t.w).Flush()
	}
	t.set(&t.writing, false)
	return n, err
}

// beginWrite waits until no other write is under way, and reports whether one may be.
func (t *Tunnel) beginWrite() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for t.writing && !t.gone {
		t.changed.Wait()
	}
	if t.gone {
		return false
	}
	t.writing = true
	return true
}

// lastWrite is how long a write that is under way at the end may take: then the stream is reset.
const lastWrite = 100 * time.Millisecond

// Close ends the stream. It waits for a write that is under way.
func (t *Tunnel) Close() error {
	t.Body.Close() // the reader wakes up
	t.mu.Lock()
	t.gone = true
	late := t.writing
	t.mu.Unlock()
	if late {
		http.NewResponseController(t.w).SetWriteDeadline(time.Now().Add(lastWrite))
		t.await(&t.writing, false)
	}
	t.set(&t.ended, true)
	return nil
}

// Reset ends the stream at once, whatever is under way: its handler has panicked.
func (t *Tunnel) Reset() { http.NewResponseController(t.w).SetWriteDeadline(time.Now().Add(-1)) }

// LocalAddr is the address of the HTTP/2 connection.
func (t *Tunnel) LocalAddr() net.Addr { return t.local }

// RemoteAddr is the address of the HTTP/2 connection's peer.
func (t *Tunnel) RemoteAddr() net.Addr { return t.remote }

// SetDeadline does nothing: a deadline that passes would reset the stream.
func (t *Tunnel) SetDeadline(time.Time) error { return http.ErrNotSupported }

// SetReadDeadline does nothing.
func (t *Tunnel) SetReadDeadline(time.Time) error { return http.ErrNotSupported }

// SetWriteDeadline does nothing.
func (t *Tunnel) SetWriteDeadline(time.Time) error { return http.ErrNotSupported }
