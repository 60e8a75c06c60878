package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
)

// tapLimit is the most that a tap keeps of one direction.
const tapLimit = 16 << 20

// A tap is a relay on loopback that keeps what passes through it.
type tap struct {
	listener net.Listener
	target   string

	mu    sync.Mutex
	lines []*line
}

// A line is one connection through a tap.
type line struct {
	up, down bytes.Buffer
	over     chan struct{} // both directions have ended
}

func newTap(target string) (*tap, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	t := &tap{listener: l, target: target}
	go t.accept()
	return t, nil
}

func (t *tap) addr() string { return t.listener.Addr().String() }

func (t *tap) accept() {
	for {
		near, err := t.listener.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", t.target)
		if err != nil {
			near.Close()
			continue
		}
		l := &line{over: make(chan struct{})}
		t.mu.Lock()
		t.lines = append(t.lines, l)
		t.mu.Unlock()
		go func() {
			var both sync.WaitGroup
			both.Go(func() { t.pass(far, near, &l.up) })
			both.Go(func() { t.pass(near, far, &l.down) })
			both.Wait()
			near.Close()
			far.Close()
			close(l.over)
		}()
	}
}

// pass copies one direction and passes its end on.
func (t *tap) pass(to, from net.Conn, kept *bytes.Buffer) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		t.mu.Lock()
		kept.Write(buf[:min(n, tapLimit-kept.Len())])
		t.mu.Unlock()
		if _, failed := to.Write(buf[:n]); failed != nil {
			from.Close()
			return
		}
		if err == io.EOF {
			to.(*net.TCPConn).CloseWrite()
			return
		}
		if err != nil {
			to.Close()
			return
		}
	}
}

// upgraded returns what the one WebSocket that passed said in either direction,
// when its socket has been closed.
func (t *tap) upgraded(ctx context.Context) (up, down []byte, err error) {
	l := t.find()
	if l == nil {
		return nil, nil, errors.New("wire: no upgrade")
	}
	select {
	case <-l.over:
		return l.up.Bytes(), l.down.Bytes(), nil
	case <-ctx.Done():
		return nil, nil, errors.New("wire: the connection has not been closed")
	}
}

func (t *tap) find() *line {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, l := range t.lines {
		if bytes.Contains(bytes.ToLower(l.up.Bytes()), []byte("sec-websocket-key")) {
			return l
		}
	}
	return nil
}

// secret checks that what passed was TLS, and that word was not to be seen.
func (t *tap) secret(word string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, l := range t.lines {
		for _, p := range [][]byte{l.up.Bytes(), l.down.Bytes()} {
			if len(p) > 0 && p[0] != 0x15 && p[0] != 0x16 { // alert, handshake
				return fmt.Errorf("wire: %d is no TLS record", p[0])
			}
			if bytes.Contains(p, []byte(word)) {
				return fmt.Errorf("wire: %q is there to read", word)
			}
		}
	}
	return nil
}

func (t *tap) close() { t.listener.Close() }
