package harness

import (
	"bufio"
	"bytes"
	"crypto/subtle"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/stretchr/testify/require"
)

// Peer is the other end of a connection: a test that writes and reads bytes.
type Peer struct {
	TB testing.TB
	net.Conn
	TCP *net.TCPConn // the same, or what TLS runs over; nil: neither
	In  *bufio.Reader
}

// NewPeer is the end that nc is, which may be one of TLS.
func NewPeer(t testing.TB, nc net.Conn) *Peer {
	p := &Peer{TB: t, Conn: nc, In: bufio.NewReader(nc)}
	switch c := nc.(type) {
	case *net.TCPConn:
		p.TCP = c
	case *tls.Conn:
		p.TCP, _ = c.NetConn().(*net.TCPConn)
	}
	return p
}

// Close ends the connection at once.
func (p *Peer) Close() error {
	if p.TCP != nil {
		return p.TCP.Close()
	}
	return p.Conn.Close()
}

// Reset ends it without an orderly end.
func (p *Peer) Reset() {
	p.TB.Helper()
	require.NoError(p.TB, p.TCP.SetLinger(0))
	p.TCP.Close()
}

// Half closes the sending half.
func (p *Peer) Half() {
	p.TB.Helper()
	if c, ok := p.Conn.(*tls.Conn); ok {
		require.NoError(p.TB, c.CloseWrite())
	}
	require.NoError(p.TB, p.TCP.CloseWrite())
}

// Send writes all parts in one piece.
func (p *Peer) Send(parts ...string) {
	p.TB.Helper()
	_, err := io.WriteString(p.Conn, strings.Join(parts, ""))
	require.NoError(p.TB, err)
}

// Frame reads one frame of the other end and unmasks it.
func (p *Peer) Frame() *frame.Frame {
	p.TB.Helper()
	f, err := ReadFrame(p.In)
	require.NoError(p.TB, err)
	return f
}

// Closes reads a Close and requires its code.
func (p *Peer) Closes(code frame.Code) (reason string) {
	p.TB.Helper()
	f := p.Frame()
	require.Equal(p.TB, frame.OpClose, f.Opcode, "% x", f.Payload)
	require.GreaterOrEqual(p.TB, len(f.Payload), 2)
	require.Equal(p.TB, code, frame.Code(binary.BigEndian.Uint16(f.Payload)), "%s", f.Payload[2:])
	return string(f.Payload[2:])
}

// Rest reads until the end, which must be an orderly one.
func (p *Peer) Rest() string {
	p.TB.Helper()
	got, err := io.ReadAll(p.In)
	require.NoError(p.TB, err, "after % x", got)
	return string(got)
}

// ReadFrame is a decoder of its own, so that a test does not ask the code under
// test whether it is right.
func ReadFrame(r io.Reader) (*frame.Frame, error) {
	var head [2]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	f := new(frame.Frame)
	f.Fin, f.RSV, f.Opcode = head[0]&0x80 != 0, head[0]&0x70, frame.Opcode(head[0]&0xf)
	f.Masked, f.Length = head[1]&0x80 != 0, int64(head[1]&0x7f)
	if size := map[int64]int{126: 2, 127: 8}[f.Length]; size > 0 {
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
	if f.Length > 0 {
		payload.Grow(int(min(f.Length, 1<<20)) + bytes.MinRead) // it does not grow in steps
	}
	if _, err := io.CopyN(&payload, r, f.Length); err != nil {
		return nil, err
	}
	f.Payload = payload.Bytes()
	if f.Masked {
		subtle.XORBytes(f.Payload, f.Payload, bytes.Repeat(f.Key[:], len(f.Payload)/4+1))
	}
	return f, nil
}

// Masked is a client's frame; the key is always the same.
func Masked(f *frame.Frame) string {
	return string(frame.AppendMasked(nil, f, [4]byte{0x37, 0xfa, 0x21, 0x3d}))
}
