package actors

import (
	"io"
	"maps"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// Tunnel is the stream of an extended CONNECT over HTTP/2, RFC 8441, as a net.Conn that brings
// net/http's goroutine to read it. What it has of net/http is gone when that handler returns, so
// the handler calls Serve, which lasts as long as the stream.
//
// The end of our half is the return of the handler, so the two halves end together.
type Tunnel struct {
	w             http.ResponseWriter // net/http's own: what middleware has put around it is for answers
	control       http.ResponseController
	body          io.ReadCloser
	header        http.Header
	local, remote net.Addr

	served  atomic.Bool
	refused bool
	decided chan struct{} // closed when the connection is open, or is refused
	read    func()
	writing chan struct{} // a lock, of one place: taken until the header is out, and during each write
	gone    bool          // nobody may write any more
	ended   chan struct{}
}

// NewTunnel returns the stream that w answers and body is read of. header is sent when the
// connection is open.
func NewTunnel(w http.ResponseWriter, body io.ReadCloser, header http.Header, local, remote net.Addr) *Tunnel {
	t := &Tunnel{w: w, control: *http.NewResponseController(w), body: body, header: header, local: local, remote: remote,
		decided: make(chan struct{}), writing: make(chan struct{}, 1), ended: make(chan struct{})}
	t.writing <- struct{}{}
	return t
}

// open has Serve send the header and begin to read.
func (t *Tunnel) open() { close(t.decided) }

// refuse has Serve answer 500: the pipeline could not be made.
func (t *Tunnel) refuse() {
	t.refused = true
	close(t.decided)
}

// Serve answers the request, reads, and returns when the stream may end, which the return of the
// handler then does. A second call waits for that.
func (t *Tunnel) Serve() {
	if !t.served.Swap(true) {
		<-t.decided
		t.control.SetReadDeadline(time.Time{}) // the server's, for requests
		t.control.SetWriteDeadline(time.Time{})
		t.answer()
		<-t.writing
		if t.read != nil {
			t.read()
		}
	}
	<-t.ended
}

func (t *Tunnel) answer() {
	h := t.w.Header()
	clear(h)
	if t.refused {
		h.Set("Content-Type", "text/plain; charset=utf-8")
		t.w.WriteHeader(http.StatusInternalServerError)
		io.WriteString(t.w, upgradeFailed+"\n")
		return
	}
	maps.Copy(h, t.header)
	t.header = nil
	t.w.WriteHeader(http.StatusOK)
	t.control.Flush() // if that fails, so does the first read
}

// Lend makes Tunnel a transport.Lender.
func (t *Tunnel) Lend(read func()) { t.read = read }

// Read reads what the peer sends. Its context, and so the end of the request, is net/http's.
func (t *Tunnel) Read(p []byte) (int, error) { return t.body.Read(p) }

// Write returns when all of p has been sent: it waits for the windows of the peer.
func (t *Tunnel) Write(p []byte) (int, error) {
	t.writing <- struct{}{}
	defer func() { <-t.writing }()
	if t.gone {
		return 0, net.ErrClosed
	}
	n, err := t.w.Write(p)
	if err == nil {
		err = t.control.Flush()
	}
	return n, err
}

// lastWrite is how long a write that is under way at the end may take: then the stream is reset.
const lastWrite = 100 * time.Millisecond

// Close ends the stream. It waits for a write that is under way.
func (t *Tunnel) Close() error {
	t.body.Close() // the reader wakes up
	select {
	case t.writing <- struct{}{}:
	default:
		t.control.SetWriteDeadline(time.Now().Add(lastWrite))
		t.writing <- struct{}{}
	}
	t.gone = true
	<-t.writing
	close(t.ended)
	return nil
}

// Reset ends the stream at once, whatever is under way: its handler has panicked.
func (t *Tunnel) Reset() { t.control.SetWriteDeadline(time.Now().Add(-1)) }

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
