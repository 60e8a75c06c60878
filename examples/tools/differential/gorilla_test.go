package differential

import (
	"bufio"
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
	"unicode/utf8"

	"github.com/gorilla/websocket"
)

// theirs is gorilla's reading. It leaves it to its user to look whether text is
// UTF-8: that is done here, as early as the bytes are there.
func theirs(p []byte, client, deflate bool) (s reading) {
	w := &wire{deflate: deflate}
	c := w.conn(p, client)
	c.SetPingHandler(func(data string) error {
		s.events = append(s.events, handed("ping", []byte(data)))
		return nil
	})
	c.SetPongHandler(func(data string) error {
		s.events = append(s.events, handed("pong", []byte(data)))
		return nil
	})
	for s.end == "" {
		kind, message, err := read(c)
		switch {
		case err != nil:
			s.end, s.why = w.ending(err), err.Error()
		case kind == websocket.TextMessage:
			s.events = append(s.events, handed("text", message))
		default:
			s.events = append(s.events, handed("binary", message))
		}
	}
	return s
}

var (
	errNotUTF8 = errors.New("text is not UTF-8")
	errTooLong = errors.New("more than anybody wants")
)

// read reads one message, and stops at the first impossible byte of a text.
func read(c *websocket.Conn) (kind int, message []byte, err error) {
	kind, r, err := c.NextReader()
	if err != nil {
		return 0, nil, err
	}
	buf := make([]byte, 512)
	for {
		n, err := r.Read(buf)
		message = append(message, buf[:n]...)
		if len(message) > most {
			return 0, nil, errTooLong
		}
		if kind == websocket.TextMessage && (!canBeUTF8(message) || err == io.EOF && !utf8.Valid(message)) {
			return 0, nil, errNotUTF8
		}
		if err == io.EOF {
			return kind, message, nil
		}
		if err != nil {
			return 0, nil, err
		}
	}
}

// canBeUTF8 reports whether p is the beginning of UTF-8.
func canBeUTF8(p []byte) bool {
	for len(p) > 0 && utf8.FullRune(p) {
		r, n := utf8.DecodeRune(p)
		if r == utf8.RuneError && n == 1 {
			return false
		}
		p = p[n:]
	}
	return true
}

// ending is how a reading ends with err: its code is that of the Close that gorilla
// has sent.
func (w *wire) ending(err error) string {
	var c *websocket.CloseError
	switch {
	case err == errNotUTF8, w.deflate && corrupt(err), w.deflate && err == io.ErrUnexpectedEOF: // of a message, not of the connection
		return failed(websocket.CloseInvalidFramePayloadData)
	case err == errTooLong:
		return failed(websocket.CloseMessageTooBig)
	case errors.As(err, &c) && c.Code == websocket.CloseAbnormalClosure:
		return open // io.ErrUnexpectedEOF, as gorilla calls it
	case errors.As(err, &c):
		return closed(c.Code, c.Text)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return open
	}
	out := w.out.Bytes()
	if len(out) < 4 || out[0] != 0x88 {
		return failed(0)
	}
	if out[1]&0x80 != 0 && len(out) >= 8 {
		return failed(int(binary.BigEndian.Uint16([]byte{out[6] ^ out[2], out[7] ^ out[3]})))
	}
	return failed(int(binary.BigEndian.Uint16(out[2:])))
}

// wire is a connection whose peer has said all it will say.
type wire struct {
	net.Conn // nil
	deflate  bool
	in       io.Reader
	out      bytes.Buffer
	shake    func() // before the first read
}

// conn is gorilla's end, whose handshake is over.
func (w *wire) conn(p []byte, client bool) *websocket.Conn {
	end := w.asServer
	if client {
		end = w.asClient
	}
	c := end(p)
	w.out.Reset()
	return c
}

func (w *wire) Read(p []byte) (int, error) {
	if w.shake != nil {
		w.shake()
		w.shake = nil
	}
	return w.in.Read(p)
}
func (w *wire) Write(p []byte) (int, error)      { return w.out.Write(p) }
func (w *wire) Close() error                     { return nil }
func (w *wire) SetDeadline(time.Time) error      { return nil }
func (w *wire) SetReadDeadline(time.Time) error  { return nil }
func (w *wire) SetWriteDeadline(time.Time) error { return nil }

// Header, WriteHeader and Hijack make it the http.ResponseWriter of an upgrade.
func (w *wire) Header() http.Header { return http.Header{} }
func (w *wire) WriteHeader(int)     {}
func (w *wire) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return w, bufio.NewReadWriter(bufio.NewReader(w), bufio.NewWriter(w)), nil
}

const (
	key     = "AAAAAAAAAAAAAAAAAAAAAA=="
	deflate = "Sec-Websocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover\r\n"
	buffers = 1 << 10 // bytes: longer messages are written in fragments
)

func (w *wire) asServer(p []byte) *websocket.Conn {
	w.in = bytes.NewReader(p)
	r, err := http.NewRequest(http.MethodGet, "http://a/", nil)
	if err != nil {
		panic(err)
	}
	r.Header = http.Header{
		"Upgrade": {"websocket"}, "Connection": {"Upgrade"}, "Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {key},
	}
	if w.deflate {
		r.Header.Set("Sec-WebSocket-Extensions", "permessage-deflate")
	}
	c, err := (&websocket.Upgrader{EnableCompression: w.deflate, ReadBufferSize: buffers, WriteBufferSize: buffers}).Upgrade(w, r, nil)
	if err != nil {
		panic(err)
	}
	return c
}

func (w *wire) asClient(p []byte) *websocket.Conn {
	w.shake = func() {
		r, err := http.ReadRequest(bufio.NewReader(&w.out))
		if err != nil {
			panic(err)
		}
		sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
		extension := ""
		if w.deflate {
			extension = deflate
		}
		w.in = io.MultiReader(bytes.NewReader(fmt.Appendf(nil,
			"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n%s\r\n",
			base64.StdEncoding.EncodeToString(sum[:]), extension)), bytes.NewReader(p))
	}
	c, _, err := (&websocket.Dialer{
		NetDial:           func(string, string) (net.Conn, error) { return w, nil },
		EnableCompression: w.deflate,
		ReadBufferSize:    buffers,
		WriteBufferSize:   buffers,
	}).Dial("ws://a/", nil)
	if err != nil {
		panic(err)
	}
	return c
}
