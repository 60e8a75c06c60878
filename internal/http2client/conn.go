// Package http2client is as much of an HTTP/2 client as WebSockets over it need, RFC 8441, for
// the tests and tools of this module: net/http's Transport opens no extended CONNECT. It hides
// nothing, so a peer can be as slow or as rude as a test wants.
package http2client

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// Conn is a connection to a server.
type Conn struct {
	nc      net.Conn
	framer  *http2.Framer
	writing sync.Mutex // of frames, and of what encodes their header
	encoder *hpack.Encoder
	block   bytes.Buffer
	timeout time.Duration

	mu       sync.Mutex
	changed  sync.Cond
	streams  map[uint32]*Stream
	next     uint32
	window   int64  // that may be sent
	initial  int64  // window of a new stream
	taken    uint32 // of the connection's window, and not given back
	settled  bool
	extended bool
	goAway   *http2.ErrCode
	err      error
}

// Dial connects by TLS, or in clear with prior knowledge if config is nil. No wait of the
// connection's takes longer than timeout; 0: any time.
func Dial(address string, config *tls.Config, timeout time.Duration) (*Conn, error) {
	nc, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	if config != nil {
		config = config.Clone()
		config.NextProtos = []string{"h2"}
		nc = tls.Client(nc, config)
	}
	c, err := New(nc, timeout)
	if err != nil {
		nc.Close()
	}
	return c, err
}

// connWindow is more than all streams of a test may have sent and not been asked for.
const connWindow = 1 << 30

// New begins HTTP/2 on nc, and waits for the server's settings.
func New(nc net.Conn, timeout time.Duration) (*Conn, error) {
	c := &Conn{nc: nc, framer: http2.NewFramer(nc, nc), timeout: timeout, streams: map[uint32]*Stream{}, next: 1, window: 65535, initial: 65535}
	c.changed.L = &c.mu
	c.encoder = hpack.NewEncoder(&c.block)
	c.framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	err := c.write(func() error {
		if _, err := io.WriteString(nc, http2.ClientPreface); err != nil {
			return err
		}
		if err := c.framer.WriteSettings(); err != nil {
			return err
		}
		return c.framer.WriteWindowUpdate(0, connWindow) // each stream has its own
	})
	if err != nil {
		return nil, err
	}
	go c.read()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c, c.wait(func() bool { return c.settled })
}

// Extended reports whether the server offers extended CONNECT.
func (c *Conn) Extended() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.extended
}

// GoAway is the code of the server's GOAWAY; false: it has sent none.
func (c *Conn) GoAway() (http2.ErrCode, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.goAway == nil {
		return 0, false
	}
	return *c.goAway, true
}

// Closed waits until the server has closed the connection.
func (c *Conn) Closed() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.wait(func() bool { return c.err != nil }); err == ErrTimeout {
		return err
	}
	return nil
}

// Close closes the connection, and so all its streams.
func (c *Conn) Close() error { return c.nc.Close() }

// ErrTimeout is a wait's that took too long.
var ErrTimeout = errors.New("http2client: timeout")

// wait waits until what is true. The lock must be held.
func (c *Conn) wait(what func() bool) error {
	late := false
	if c.timeout > 0 {
		defer time.AfterFunc(c.timeout, func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			late = true
			c.changed.Broadcast()
		}).Stop()
	}
	for !what() {
		switch {
		case c.err != nil:
			return c.err
		case late:
			return ErrTimeout
		}
		c.changed.Wait()
	}
	return nil
}

func (c *Conn) write(frames func() error) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	return frames()
}

// read takes frames until the connection ends. What they make it write is written aside: a server
// may read only when it has written.
func (c *Conn) read() {
	answers := make(chan func() error, 100)
	defer close(answers)
	go func() {
		for answer := range answers {
			c.write(answer)
		}
	}()
	for {
		f, err := c.framer.ReadFrame()
		c.mu.Lock()
		if err != nil {
			c.err = err
		} else if answer := c.frame(f); answer != nil {
			answers <- answer
		}
		c.changed.Broadcast()
		c.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (c *Conn) frame(f http2.Frame) (answer func() error) {
	s := c.streams[f.Header().StreamID]
	switch f := f.(type) {
	case *http2.SettingsFrame:
		if f.IsAck() {
			return nil
		}
		if v, ok := f.Value(http2.SettingInitialWindowSize); ok {
			for _, s := range c.streams {
				s.window += int64(v) - c.initial
			}
			c.initial = int64(v)
		}
		if v, ok := f.Value(http2.SettingEnableConnectProtocol); ok {
			c.extended = v == 1
		}
		c.settled = true
		return c.framer.WriteSettingsAck
	case *http2.PingFrame:
		if !f.IsAck() {
			data := f.Data
			return func() error { return c.framer.WritePing(true, data) }
		}
	case *http2.GoAwayFrame:
		code := f.ErrCode
		c.goAway = &code
	case *http2.WindowUpdateFrame:
		if f.StreamID == 0 {
			c.window += int64(f.Increment)
		} else if s != nil {
			s.window += int64(f.Increment)
		}
	default:
		if s != nil {
			s.frame(f)
		}
		if d, ok := f.(*http2.DataFrame); ok {
			return c.took(d.Length)
		}
	}
	return nil
}

// took gives the connection's window back, whoever reads the stream.
func (c *Conn) took(n uint32) (answer func() error) {
	if c.taken += n; c.taken < connWindow/4 {
		return nil
	}
	n, c.taken = c.taken, 0
	return func() error { return c.framer.WriteWindowUpdate(0, n) }
}
