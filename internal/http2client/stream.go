package http2client

import (
	"bytes"
	"fmt"
	"io"
	"net/http"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// Stream is one stream of a Conn.
type Stream struct {
	conn   *Conn
	id     uint32
	window int64 // that may be sent

	status string
	header http.Header
	in     bytes.Buffer
	ended  bool           // END_STREAM has come
	reset  *http2.ErrCode // RST_STREAM has; nil: not
}

// ResetError is a stream's that the server has reset.
type ResetError struct{ Code http2.ErrCode }

func (e *ResetError) Error() string { return "http2client: stream was reset: " + e.Code.String() }

// Request opens a stream. The fields are names and values in turn.
func (c *Conn) Request(end bool, fields ...string) (*Stream, error) {
	s := &Stream{conn: c}
	return s, c.write(func() error {
		c.mu.Lock()
		s.id, s.window = c.next, c.initial
		c.streams[s.id] = s
		c.next += 2
		c.mu.Unlock()
		c.block.Reset()
		for i := 0; i+1 < len(fields); i += 2 {
			c.encoder.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]})
		}
		return c.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: s.id, BlockFragment: c.block.Bytes(), EndHeaders: true, EndStream: end})
	})
}

// Connect asks for a WebSocket. The fields are added to the request.
func (c *Conn) Connect(path string, fields ...string) (*Stream, error) {
	return c.Request(false, append([]string{":method", "CONNECT", ":protocol", "websocket", ":scheme", "http", ":authority", "h2.test", ":path", path,
		"sec-websocket-version", "13"}, fields...)...)
}

// WebSocket asks for a WebSocket, and waits for it.
func (c *Conn) WebSocket(path string, fields ...string) (*Stream, error) {
	s, err := c.Connect(path, fields...)
	if err != nil {
		return nil, err
	}
	status, _, err := s.Answer()
	if err == nil && status != "200" {
		err = fmt.Errorf("http2client: answered with %s", status)
	}
	return s, err
}

func (s *Stream) frame(f http2.Frame) {
	switch f := f.(type) {
	case *http2.MetaHeadersFrame:
		s.status, s.header = f.PseudoValue("status"), http.Header{}
		for _, field := range f.RegularFields() {
			s.header.Add(field.Name, field.Value)
		}
		s.ended = s.ended || f.StreamEnded()
	case *http2.DataFrame:
		s.in.Write(f.Data())
		s.ended = s.ended || f.StreamEnded()
	case *http2.RSTStreamFrame:
		code := f.ErrCode
		s.reset = &code
		if code != http2.ErrCodeNo { // which says only that nothing more is read
			s.ended = true
		}
	}
}

// Answer waits for the header of the answer.
func (s *Stream) Answer() (status string, header http.Header, err error) {
	c := s.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	err = c.wait(func() bool { return s.status != "" || s.reset != nil })
	if err == nil && s.status == "" {
		err = &ResetError{*s.reset}
	}
	return s.status, s.header, err
}

// Read reads what the server has sent, and lets it send as much again. At the end of the stream
// it returns io.EOF, or a *ResetError.
func (s *Stream) Read(p []byte) (int, error) {
	c := s.conn
	c.mu.Lock()
	err := c.wait(func() bool { return s.in.Len() > 0 || s.ended })
	n, _ := s.in.Read(p)
	ended := s.ended
	switch {
	case n > 0:
		err = nil
	case err == nil && s.reset != nil && *s.reset != http2.ErrCodeNo:
		err = &ResetError{*s.reset}
	case err == nil:
		err = io.EOF
	}
	c.mu.Unlock()
	if n > 0 && !ended {
		c.write(func() error { return c.framer.WriteWindowUpdate(s.id, uint32(n)) })
	}
	return n, err
}

// Received is how much waits to be read.
func (s *Stream) Received() int {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	return s.in.Len()
}

// Write sends p, as the server's windows allow.
func (s *Stream) Write(p []byte) (n int, err error) {
	c := s.conn
	for n < len(p) {
		c.mu.Lock()
		err = c.wait(func() bool { return min(c.window, s.window) > 0 || s.reset != nil })
		k := int(min(int64(len(p)-n), c.window, s.window, 16<<10))
		if err == nil && s.reset != nil {
			err = &ResetError{*s.reset}
		}
		if err == nil {
			c.window -= int64(k)
			s.window -= int64(k)
		}
		c.mu.Unlock()
		if err != nil {
			return n, err
		}
		if err = c.write(func() error { return c.framer.WriteData(s.id, false, p[n:n+k]) }); err != nil {
			return n, err
		}
		n += k
	}
	return n, nil
}

// CloseWrite sends END_STREAM.
func (s *Stream) CloseWrite() error {
	return s.conn.write(func() error { return s.conn.framer.WriteData(s.id, true, nil) })
}

// Reset sends RST_STREAM.
func (s *Stream) Reset(code http2.ErrCode) error {
	return s.conn.write(func() error { return s.conn.framer.WriteRSTStream(s.id, code) })
}

// Forget drops a stream that is over.
func (s *Stream) Forget() {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	delete(s.conn.streams, s.id)
}
