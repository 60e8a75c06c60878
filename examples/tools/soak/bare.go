package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/spindrift-go/spindrift/frame"
)

// bare is a client that is a socket and this goroutine. It does not use what it
// tests to read.
type bare struct {
	*slot
	*net.TCPConn
	in   *bufio.Reader
	ping []byte // the latest that was sent
	out  []byte
}

// closed is a Close of the server's that was not asked for.
type closed struct {
	frame.Code
	reason string
}

func (c closed) Error() string { return fmt.Sprintf("server closed with %v %q", c.Code, c.reason) }

// bare lives one life: some messages, then an end; false if something was wrong
// with it.
func (s *slot) bare(ctx context.Context, rounds int, end ending) bool {
	nc, err := s.dial(ctx)
	if err != nil {
		return s.judge(ctx, "dial", err)
	}
	defer nc.Close()
	b := &bare{slot: s, TCPConn: nc, in: bufio.NewReaderSize(nc, 1<<10)}
	if what, err := b.live(ctx, rounds, end); err != nil {
		fine := s.judge(ctx, what, err)
		b.answer(err)
		return fine
	}
	s.ended(end.name)
	return true
}

func (b *bare) live(ctx context.Context, rounds int, end ending) (what string, err error) {
	if err := b.handshake(); err != nil {
		return "handshake", err
	}
	for range rounds {
		if err := b.round(); err != nil {
			return "echo", err
		}
		if !b.rest(ctx) { // the server begins the end
			return "drain", b.drain()
		}
	}
	return end.name, end.do(b)
}

// judge says whether an error is none of our doing. When the server drains, all
// ends are.
func (s *slot) judge(ctx context.Context, what string, err error) (fine bool) {
	var wrong mismatch
	if (ctx.Err() != nil || s.draining.Load()) && !errors.As(err, &wrong) {
		s.ended("drain")
		return true
	}
	s.ended("fault")
	s.fault("%d: %s: %v", s.number, what, err)
	return false
}

// mismatch is an echo that is not what was sent. Nothing excuses it.
type mismatch string

func (m mismatch) Error() string { return string(m) }

func (b *bare) handshake() error {
	b.asked.Add(1)
	b.SetDeadline(time.Now().Add(grace))
	path := "/own"
	if b.number%2 == 1 {
		path = "/shared"
	}
	fmt.Fprintf(b, "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n", path, b.server.addr)
	r, err := http.ReadResponse(b.in, nil)
	if err != nil {
		return err
	}
	if r.StatusCode != http.StatusSwitchingProtocols {
		return errors.New(r.Status)
	}
	b.upgraded.Add(1)
	return nil
}

// add puts a masked frame behind what is to be written.
func (b *bare) add(f *frame.Frame) {
	var key [4]byte
	binary.LittleEndian.PutUint32(key[:], b.Uint32())
	b.out = frame.AppendMasked(b.out, f, key)
}

func (b *bare) flush() error {
	_, err := b.Write(b.out)
	b.out = nil
	return err
}

// round sends one message, in up to 8 fragments with Pings between them, and
// reads its echo.
func (b *bare) round() error {
	b.SetDeadline(time.Now().Add(grace))
	op := frame.OpBinary
	if b.IntN(4) == 0 {
		op = frame.OpText
	}
	want := b.message(op == frame.OpText)
	fragments := 1
	if b.IntN(3) == 0 {
		fragments = 1 + b.IntN(8)
	}
	kind := op
	for rest := want; fragments > 0; fragments-- {
		n := len(rest)
		if fragments > 1 {
			n = b.IntN(n + 1)
		}
		b.add(frame.Fragment(kind, fragments == 1, rest[:n]))
		rest, kind = rest[n:], frame.OpContinuation
		if b.IntN(8) == 0 {
			b.ping = fmt.Appendf(nil, "%d", b.Uint32())
			b.add(frame.Ping(b.ping))
		}
	}
	if err := b.flush(); err != nil {
		return b.why(err)
	}
	got, err := b.read(op)
	if err != nil {
		return err
	}
	if !bytes.Equal(got, want) {
		return mismatch(fmt.Sprintf("%d bytes came back as %d others", len(want), len(got)))
	}
	b.echoed(len(want))
	return nil
}

// why looks for the Close that explains a write which failed.
func (b *bare) why(err error) error {
	if _, e := b.read(0); errors.As(e, new(closed)) {
		return e
	}
	return err
}

// read reads one message, and what comes before it.
func (b *bare) read(op frame.Opcode) ([]byte, error) {
	for {
		f, err := b.frame()
		if err != nil {
			return nil, err
		}
		switch f.Opcode {
		case frame.OpPing:
			b.add(frame.Pong(f.Payload))
			if err := b.flush(); err != nil {
				return nil, b.why(err)
			}
		case frame.OpPong:
			if b.ping == nil {
				return nil, mismatch("a Pong that nobody asked for")
			}
		case frame.OpClose:
			code, reason := f.CloseStatus()
			return nil, closed{code, reason}
		case op:
			if !f.Fin || f.RSV != 0 {
				return nil, mismatch("echo in fragments, or compressed")
			}
			return f.Payload, nil
		default:
			return nil, mismatch("unexpected " + f.Opcode.String())
		}
	}
}

// frame reads one frame.
func (b *bare) frame() (*frame.Frame, error) {
	var head [10]byte
	if _, err := io.ReadFull(b.in, head[:2]); err != nil {
		return nil, err
	}
	f := &frame.Frame{Header: frame.Header{Fin: head[0]&0x80 != 0, RSV: head[0] & 0x70, Opcode: frame.Opcode(head[0] & 0xf)}}
	length := uint64(head[1])
	if size := map[byte]int{126: 2, 127: 8}[head[1]]; size > 0 {
		if _, err := io.ReadFull(b.in, head[10-size:]); err != nil {
			return nil, err
		}
		clear(head[2 : 10-size])
		length = binary.BigEndian.Uint64(head[2:])
	}
	if length > 64<<10 {
		return nil, mismatch(fmt.Sprintf("a frame of %d bytes", length))
	}
	f.Payload = make([]byte, length)
	_, err := io.ReadFull(b.in, f.Payload)
	return f, err
}

// answer ends a connection that the server has closed with the Close it expects.
func (b *bare) answer(err error) {
	if errors.As(err, new(closed)) {
		b.add(frame.Close(frame.Normal, ""))
		b.flush()
		io.Copy(io.Discard, b.in)
	}
}

// drain reads until the server has had enough.
func (b *bare) drain() error {
	b.SetDeadline(time.Now().Add(grace))
	_, err := b.read(0)
	return err
}
