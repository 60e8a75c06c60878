package sockets

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/internal/harness"
	"github.com/spindrift-go/spindrift/internal/testcert"
	"github.com/stretchr/testify/require"
)

// peer is the other end of a connection: a test that writes and reads bytes.
type peer struct {
	*world
	*harness.Peer
	tcp *net.TCPConn  // its TCP
	in  *bufio.Reader // its In
}

// peerOf is the end that nc is.
func (w *world) peerOf(nc net.Conn) *peer {
	p := harness.NewPeer(w, nc)
	p.SetDeadline(time.Now().Add(testTimeout))
	w.Cleanup(func() { p.Close() })
	return &peer{w, p, p.TCP, p.In}
}

// dial connects to a server of the setting.
func (w *world) dial(addr string) *peer {
	nc, err := net.Dial("tcp", addr)
	require.NoError(w, err)
	if w.tls {
		nc = tls.Client(nc, testcert.Client())
	}
	return w.peerOf(nc)
}

// The words of harness.Peer.
func (p *peer) reset()                            { p.Helper(); p.Reset() }
func (p *peer) half()                             { p.Helper(); p.Half() }
func (p *peer) send(parts ...string)              { p.Helper(); p.Send(parts...) }
func (p *peer) frame() *frame.Frame               { p.Helper(); return p.Frame() }
func (p *peer) closes(code frame.Code) string     { p.Helper(); return p.Closes(code) }
func (p *peer) rest() string                      { p.Helper(); return p.Rest() }
func masked(f *frame.Frame) string                { return harness.Masked(f) }
func readFrame(r io.Reader) (*frame.Frame, error) { return harness.ReadFrame(r) }

// trickle writes byte by byte, with -short in threes, as long as the other end cares to listen.
func (p *peer) trickle(s string) {
	step := 1
	if testing.Short() {
		step = 3 // a write costs much under the race detector
	}
	for ; s != ""; s = s[min(step, len(s)):] {
		if _, err := io.WriteString(p.Conn, s[:min(step, len(s))]); err != nil {
			return
		}
	}
}

// bytes reads as much as is wanted and requires it.
func (p *peer) bytes(want string) {
	p.Helper()
	got := make([]byte, len(want))
	n, err := io.ReadFull(p.in, got)
	require.NoError(p, err, "after % x", got[:n])
	if want != string(got) {
		require.Equal(p, fmt.Sprintf("% x", want), fmt.Sprintf("% x", got))
	}
}

// eof requires that nothing comes but the end.
func (p *peer) eof() {
	p.Helper()
	require.Equal(p, "", fmt.Sprintf("% x", p.rest()))
}

// answer is a response of a server, its body read.
type answer struct {
	*http.Response
	body string
}

func (p *peer) answer(method string) answer {
	p.Helper()
	r, err := http.ReadResponse(p.in, &http.Request{Method: method})
	require.NoError(p, err)
	body, err := io.ReadAll(r.Body)
	require.NoError(p, err)
	return answer{r, string(body)}
}

// The handshake of RFC 6455 1.3.
const (
	sampleKey    = "dGhlIHNhbXBsZSBub25jZQ=="
	sampleAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
)

// handshake is a valid request, with more header lines if there are any.
func handshake(addr string, lines ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "GET /chat HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n", addr)
	fmt.Fprintf(&b, "Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n", sampleKey)
	for _, l := range lines {
		b.WriteString(l + "\r\n")
	}
	b.WriteString("\r\n")
	return b.String()
}

// switched is the answer to it.
func switched(lines ...string) string {
	s := "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + sampleAccept + "\r\n"
	for _, l := range lines {
		s += l + "\r\n"
	}
	return s + "\r\n"
}

// upgrade opens a WebSocket as a client.
func (w *world) upgrade(addr string) *peer {
	w.Helper()
	p := w.dial(addr)
	p.send(handshake(addr))
	p.bytes(switched())
	return p
}

// plain is a server's frame.
func plain(f *frame.Frame) string { return string(frame.Append(nil, f)) }

// body is that of a message.
func body(s string) io.ReadCloser { return io.NopCloser(strings.NewReader(s)) }
