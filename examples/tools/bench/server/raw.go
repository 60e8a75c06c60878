package main

import (
	"bytes"
	"crypto/sha1"
	"crypto/tls"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"net"

	"github.com/spindrift-go/spindrift/examples/tools/bench/serve"
)

func rawContenders() []serve.Contender {
	return []serve.Contender{{
		Name: "raw", Kind: "floor", About: "a goroutine per connection that reads, unmasks and writes, with no checks: the floor",
		Room: serve.Stalling, UTF8: "off", Rows: []string{"echo", "tls", "broadcast"}, Serve: serveRaw,
	}}
}

func serveRaw(ln net.Listener, s serve.Setup) error {
	var all serve.Room[net.Conn]
	for {
		c, err := ln.Accept()
		if err != nil {
			return err
		}
		if s.TLS != nil {
			c = tls.Server(c, s.TLS)
		}
		go func() {
			defer c.Close()
			rawConn{conn: c, all: &all}.serve()
		}()
	}
}

type rawConn struct {
	conn net.Conn
	all  *serve.Room[net.Conn]
}

// The read buffer grows while reads fill it.
const (
	smallRead = 4 << 10
	largeRead = 256 << 10
)

func (r rawConn) serve() {
	in := make([]byte, smallRead)
	path, err := r.handshake(in)
	if err != nil {
		return
	}
	write := func(b []byte) error { _, err := r.conn.Write(b); return err }
	if path == "/broadcast" {
		r.all.Join(r.conn)
		defer r.all.Leave(r.conn)
		write = func(b []byte) error {
			r.all.Each(func(c net.Conn) error { _, err := c.Write(b); return err })
			return nil
		}
	}
	var frames echoer
	var out []byte
	held := 0
	for {
		n, err := r.conn.Read(in[held:])
		if err != nil {
			return
		}
		full := held+n == len(in)
		var rest []byte
		out, rest, err = frames.echo(out[:0], in[:held+n])
		if err != nil {
			return
		}
		if len(out) > 0 && write(out) != nil {
			return
		}
		held = copy(in, rest)
		if full && len(in) < largeRead {
			in = append(in[:held], make([]byte, 2*len(in)-held)...)
		}
	}
}

// handshake answers GETs until one of them is an upgrade, and returns that one's path.
func (r rawConn) handshake(buf []byte) (path string, err error) {
	held := 0
	for held < len(buf) {
		n, err := r.conn.Read(buf[held:])
		if err != nil {
			return "", err
		}
		held += n
		if !bytes.HasSuffix(buf[:held], []byte("\r\n\r\n")) {
			continue
		}
		path := requestPath(buf[:held])
		key := headerValue(buf[:held], "sec-websocket-key")
		reply := "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\n" + serve.Hello
		if key != "" {
			reply = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + acceptValue(key) + "\r\n\r\n"
		}
		if _, err := r.conn.Write([]byte(reply)); err != nil || key != "" {
			return path, err
		}
		held = 0
	}
	return "", errors.New("request too long")
}

func requestPath(head []byte) string {
	parts := bytes.SplitN(head, []byte(" "), 3)
	if len(parts) < 3 {
		return ""
	}
	return string(parts[1])
}

func headerValue(head []byte, name string) string {
	for line := range bytes.SplitSeq(head, []byte("\r\n")) {
		if key, value, ok := bytes.Cut(line, []byte(":")); ok && bytes.EqualFold(key, []byte(name)) {
			return string(bytes.TrimSpace(value))
		}
	}
	return ""
}

func acceptValue(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// echoer turns a client's bytes into the server's. Its state is the frame it is in the middle of.
type echoer struct {
	left uint64 // payload bytes still to come
	key  uint64 // the mask key twice, turned to the next payload byte
}

// echo appends the answer to in to out, and returns the bytes of a header that is not whole yet.
func (e *echoer) echo(out, in []byte) (grown, rest []byte, err error) {
	for len(in) > 0 {
		if e.left == 0 {
			n, first, length := clientHeader(in)
			if n == 0 {
				return out, in, nil
			}
			if first&0x0f == 0x8 {
				return out, nil, fmt.Errorf("closed")
			}
			out = appendHeader(out, first, length)
			key := uint64(binary.LittleEndian.Uint32(in[n-4:]))
			e.key, e.left = key<<32|key, length
			in = in[n:]
			continue
		}
		piece := in[:min(uint64(len(in)), e.left)]
		in = in[len(piece):]
		e.left -= uint64(len(piece))
		out = e.unmask(out, piece)
	}
	return out, nil, nil
}

// unmask appends the bytes that the masked b stands for, and turns the key.
func (e *echoer) unmask(out, b []byte) []byte {
	for len(b) >= 8 {
		out = binary.LittleEndian.AppendUint64(out, binary.LittleEndian.Uint64(b)^e.key)
		b = b[8:]
	}
	for _, c := range b {
		out = append(out, c^byte(e.key))
		e.key = e.key>>8 | e.key<<56
	}
	return out
}

// clientHeader returns a length of 0 while the header is not whole.
func clientHeader(b []byte) (n int, first byte, length uint64) {
	if len(b) < 2 {
		return 0, 0, 0
	}
	n = 6
	length = uint64(b[1] & 0x7f)
	switch length {
	case 126:
		n = 8
	case 127:
		n = 14
	}
	if len(b) < n {
		return 0, 0, 0
	}
	switch n {
	case 8:
		length = uint64(binary.BigEndian.Uint16(b[2:]))
	case 14:
		length = binary.BigEndian.Uint64(b[2:])
	}
	return n, b[0], length
}

func appendHeader(out []byte, first byte, length uint64) []byte {
	switch {
	case length < 126:
		return append(out, first, byte(length))
	case length < 1<<16:
		return binary.BigEndian.AppendUint16(append(out, first, 126), uint16(length))
	default:
		return binary.BigEndian.AppendUint64(append(out, first, 127), length)
	}
}
