package sockets

import (
	"bufio"
	"bytes"
	"crypto/subtle"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/stretchr/testify/require"
)

// peer is the other end of a connection: a test that writes and reads bytes.
type peer struct {
	*world
	net.Conn
	tcp *net.TCPConn // the same, or what TLS runs over
	in  *bufio.Reader
}

// dial connects to a server of the setting.
func (w *world) dial(addr string) *peer {
	nc, err := net.Dial("tcp", addr)
	require.NoError(w, err)
	p := &peer{world: w, Conn: nc, tcp: nc.(*net.TCPConn)}
	if w.tls {
		config := clientTLS()
		config.ServerName = "localhost"
		p.Conn = tls.Client(nc, config)
	}
	return p.ready()
}

func (p *peer) ready() *peer {
	p.Cleanup(func() { p.tcp.Close() })
	p.SetDeadline(time.Now().Add(testTimeout))
	p.in = bufio.NewReader(p.Conn)
	return p
}

// Close ends the connection at once.
func (p *peer) Close() error { return p.tcp.Close() }

// reset ends it without an orderly end.
func (p *peer) reset() {
	require.NoError(p, p.tcp.SetLinger(0))
	p.tcp.Close()
}

// half closes the sending half.
func (p *peer) half() {
	if c, ok := p.Conn.(*tls.Conn); ok {
		require.NoError(p, c.CloseWrite())
	}
	require.NoError(p, p.tcp.CloseWrite())
}

// send writes all parts in one piece.
func (p *peer) send(parts ...string) {
	p.Helper()
	_, err := io.WriteString(p.Conn, strings.Join(parts, ""))
	require.NoError(p, err)
}

// trickle writes byte by byte, as long as the other end cares to listen.
func (p *peer) trickle(s string) {
	for i := range len(s) {
		if _, err := io.WriteString(p.Conn, s[i:i+1]); err != nil {
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
	require.Equal(p, fmt.Sprintf("% x", want), fmt.Sprintf("% x", got))
}

// rest reads until the end, which must be an orderly one.
func (p *peer) rest() string {
	p.Helper()
	got, err := io.ReadAll(p.in)
	require.NoError(p, err, "after % x", got)
	return string(got)
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

// masked is a client's frame; the key is always the same.
func masked(f *frame.Frame) string {
	return string(frame.AppendMasked(nil, f, [4]byte{0x37, 0xfa, 0x21, 0x3d}))
}

// plain is a server's frame.
func plain(f *frame.Frame) string { return string(frame.Append(nil, f)) }

// frame reads one frame of the other end and unmasks it.
func (p *peer) frame() *frame.Frame {
	p.Helper()
	f, err := readFrame(p.in)
	require.NoError(p, err)
	return f
}

// readFrame is a decoder of its own, so that a test does not ask the code under
// test whether it is right.
func readFrame(r io.Reader) (*frame.Frame, error) {
	var head [2]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	f := new(frame.Frame)
	f.Fin, f.RSV, f.Opcode = head[0]&0x80 != 0, head[0]&0x70, frame.Opcode(head[0]&0xf)
	f.Masked, f.Length = head[1]&0x80 != 0, int64(head[1]&0x7f)
	size := map[int64]int{126: 2, 127: 8}[f.Length]
	if size > 0 {
		var b [8]byte
		if _, err := io.ReadFull(r, b[8-size:]); err != nil {
			return nil, err
		}
		f.Length = int64(binary.BigEndian.Uint64(b[:]))
	}
	if f.Masked {
		if _, err := io.ReadFull(r, f.Key[:]); err != nil {
			return nil, err
		}
	}
	var payload bytes.Buffer
	if _, err := io.CopyN(&payload, r, f.Length); err != nil {
		return nil, err
	}
	f.Payload = payload.Bytes()
	if f.Masked {
		subtle.XORBytes(f.Payload, f.Payload, bytes.Repeat(f.Key[:], len(f.Payload)/4+1))
	}
	return f, nil
}

// closes reads a Close and requires its code.
func (p *peer) closes(code frame.Code) (reason string) {
	p.Helper()
	f := p.frame()
	require.Equal(p, frame.OpClose, f.Opcode, "% x", f.Payload)
	require.GreaterOrEqual(p, len(f.Payload), 2)
	require.Equal(p, code, frame.Code(binary.BigEndian.Uint16(f.Payload)), "%s", f.Payload[2:])
	return string(f.Payload[2:])
}

// body is that of a message.
func body(s string) io.ReadCloser { return io.NopCloser(strings.NewReader(s)) }

// overPipe makes a peer of one end of a net.Pipe.
func (p *peer) overPipe() *peer {
	p.SetDeadline(time.Now().Add(testTimeout))
	p.in = bufio.NewReader(p.Conn)
	p.Cleanup(func() { p.Conn.Close() })
	return p
}
