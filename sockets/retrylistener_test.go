package sockets

import (
	"bytes"
	"errors"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// shortOf is what accept4 says when the system is short of something.
func shortOf(errno syscall.Errno) error {
	return &net.OpError{Op: "accept", Net: "tcp", Err: os.NewSyscallError("accept4", errno)}
}

// acceptance is a listener that does what its script says; then it waits until it
// is closed.
type acceptance struct {
	script []error // nil: a connection
	asked  int
	closed chan struct{}
	once   sync.Once
}

func newAcceptance(script ...error) *acceptance {
	return &acceptance{script: script, closed: make(chan struct{})}
}

func (a *acceptance) Accept() (net.Conn, error) {
	if a.asked == len(a.script) {
		<-a.closed
		return nil, net.ErrClosed
	}
	err := a.script[a.asked]
	a.asked++
	if err != nil {
		return nil, err
	}
	nc, _ := net.Pipe()
	return nc, nil
}

func (a *acceptance) Close() error {
	a.once.Do(func() { close(a.closed) })
	return nil
}

func (a *acceptance) Addr() net.Addr { return &net.TCPAddr{} }

// retryOver is what Serve puts around a listener, and what it logs.
func retryOver(l net.Listener) (net.Listener, *bytes.Buffer) {
	b := new(bytes.Buffer)
	s := &Server{Server: http.Server{ErrorLog: log.New(b, "", 0)}}
	return s.retrying(l), b
}

func many(n int, err error) (all []error) {
	for range n {
		all = append(all, err)
	}
	return all
}

// Out of descriptors or memory it waits, longer each time, says so once, and
// recovers.
func TestAcceptRecovers(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM} {
		synctest.Test(t, func(t *testing.T) {
			below := newAcceptance(append(many(20, shortOf(errno)), nil, nil)...)
			l, said := retryOver(below)
			began := time.Now()
			nc, err := l.Accept()
			require.NoError(t, err)
			require.NotNil(t, nc)
			// 5 ms, doubled up to a second: 8 of them take 1,275 ms, and 12 more 12 s.
			assert.Equal(t, 13275*time.Millisecond, time.Since(began))
			_, err = l.Accept()
			require.NoError(t, err)
			assert.Equal(t, 22, below.asked)
			lines := strings.Split(strings.TrimSpace(said.String()), "\n")
			require.Len(t, lines, 2, said)
			assert.Contains(t, lines[0], "no connection can be accepted for now")
			assert.Contains(t, lines[0], errno.Error())
			assert.Equal(t, "sockets: accepting connections again", lines[1])
		})
	}
}

// Under load, each connection that ends makes space for one: that is no news.
func TestAcceptDoesNotRepeatItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var script []error
		for range 100 {
			script = append(script, shortOf(syscall.EMFILE), nil)
		}
		l, said := retryOver(newAcceptance(append(script, shortOf(syscall.EMFILE), nil)...))
		for range 100 {
			_, err := l.Accept()
			require.NoError(t, err)
		}
		assert.Equal(t, 2, strings.Count(said.String(), "\n"), said)
		time.Sleep(repeatAfter)
		l.Accept()
		assert.Equal(t, 4, strings.Count(said.String(), "\n"), "it is, after a while: %s", said)
	})
}

// What is not a shortage is net/http's to judge, at once.
func TestAcceptPassesOtherErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, other := range []error{errors.New("broken"), shortOf(syscall.ECONNABORTED), net.ErrClosed} {
			l, said := retryOver(newAcceptance(other))
			_, err := l.Accept()
			assert.Equal(t, other, err)
			assert.Empty(t, said.String())

			l, said = retryOver(newAcceptance(shortOf(syscall.EMFILE), other))
			_, err = l.Accept()
			assert.Equal(t, other, err)
			assert.Equal(t, 1, strings.Count(said.String(), "\n"), "nothing is well again: %s", said)
		}
	})
}

// Close does not wait for the end of a pause, and one is enough.
func TestAcceptClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, _ := retryOver(newAcceptance(many(1000, shortOf(syscall.EMFILE))...))
		ended := make(chan error)
		go func() {
			_, err := l.Accept()
			ended <- err
		}()
		time.Sleep(10*time.Second + time.Millisecond)
		synctest.Wait()
		before := time.Now()
		require.NoError(t, l.Close())
		require.ErrorIs(t, <-ended, net.ErrClosed)
		assert.Zero(t, time.Since(before))
		require.NoError(t, l.Close())
	})
}

// The server goes on serving after a shortage, and its Close ends one.
func TestServeWithoutDescriptors(t *testing.T) {
	w := newWorld(t, bare)
	l := &shortage{Listener: w.listen(), fails: 3, late: make(chan struct{})}
	s := &Server{Server: quiet(http.NotFoundHandler()), System: w.system}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	p := w.dial(l.Addr().String())
	p.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	assert.Equal(t, http.StatusNotFound, p.answer("GET").StatusCode)
	<-l.late // it is short of them again, for good
	require.NoError(t, s.Close())
	require.ErrorIs(t, <-served, http.ErrServerClosed)
}

// shortage is a listener that fails a few times, accepts once, and then fails for
// good.
type shortage struct {
	net.Listener
	fails int
	late  chan struct{}
}

func (s *shortage) Accept() (net.Conn, error) {
	switch s.fails--; {
	case s.fails == -1:
		return s.Listener.Accept()
	case s.fails == -2:
		close(s.late)
	}
	return nil, shortOf(syscall.EMFILE)
}

// Serve may be called several times for one listener: as many goroutines accept, and all return with the Shutdown.
func TestServeTwiceOnOneListener(t *testing.T) {
	sampled(t, func(w *world) {
		s := &Server{System: w.system, Server: quiet(site())}
		l := w.listen()
		ended := make(chan error, 3)
		for range 3 {
			go func() { ended <- s.Serve(l) }()
		}
		for range 20 {
			resp, err := http.Get("http://" + l.Addr().String() + "/")
			require.NoError(w, err)
			resp.Body.Close()
		}
		http.DefaultClient.CloseIdleConnections()
		require.NoError(w, s.Shutdown(w.Context()))
		for range 3 {
			require.ErrorIs(w, <-ended, http.ErrServerClosed)
		}
	})
}
