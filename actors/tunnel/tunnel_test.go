package tunnel

import (
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// stream is net/http's side of a stream, which notes what happens to it.
type stream struct {
	header http.Header
	stuck  bool          // the peer opens no window: a write waits for its deadline
	late   chan struct{} // the deadline of writes has passed

	mu  sync.Mutex
	log []string
}

func (s *stream) note(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = append(s.log, what)
}

// noted returns what has happened since it was called last.
func (s *stream) noted() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	log := s.log
	s.log = nil
	return log
}

func (s *stream) Header() http.Header { return s.header }

func (s *stream) WriteHeader(status int) {
	what := http.StatusText(status)
	for name := range s.header {
		what += ", " + name
	}
	s.note(what)
}

func (s *stream) Write(p []byte) (int, error) {
	s.note("write " + string(p))
	if s.stuck {
		<-s.late
		return 0, os.ErrDeadlineExceeded
	}
	time.Sleep(time.Second) // others may try meanwhile
	s.note("wrote " + string(p))
	return len(p), nil
}

func (s *stream) Flush() { s.note("flush") }

func (s *stream) SetReadDeadline(at time.Time) error { return s.deadline("read", at) }

func (s *stream) SetWriteDeadline(at time.Time) error {
	if !at.IsZero() {
		time.AfterFunc(time.Until(at), func() { close(s.late) })
	}
	return s.deadline("write", at)
}

func (s *stream) deadline(of string, at time.Time) error {
	what := "none"
	if !at.IsZero() {
		what = time.Until(at).String()
	}
	s.note(of + " deadline " + what)
	return nil
}

// reading is a reader that collects.
type reading struct {
	t    *Tunnel
	got  []byte
	ends bool // it wants no more once that has come
}

func (l *reading) Next() bool { return !l.ends }

func (l *reading) Arrived(err error) {
	var p [10]byte
	if err == nil {
		var n int
		n, err = l.t.Read(p[:])
		l.got = append(l.got, p[:n]...)
	}
	l.ends = err != nil
}

// inBubble runs test with a stream whose peer sends body: the bubble sees a goroutine that is left.
func inBubble(t *testing.T, body io.ReadCloser, test func(t *testing.T, s *stream, u *Tunnel)) {
	synctest.Test(t, func(t *testing.T) {
		s := &stream{header: http.Header{"Middleware": {"x"}}, late: make(chan struct{})}
		test(t, s, New(s, body, http.Header{"Ours": {"y"}}, &net.TCPAddr{Port: 1}, &net.TCPAddr{Port: 2}))
	})
}

// serve serves, and tells when that is over.
func serve(u *Tunnel) (over chan struct{}) {
	over = make(chan struct{})
	go func() {
		defer close(over)
		u.Serve()
	}()
	synctest.Wait()
	return over
}

func isOver(over chan struct{}) bool {
	synctest.Wait()
	select {
	case <-over:
		return true
	default:
		return false
	}
}

// The header goes out first, without middleware's and without the server's deadlines; then writes, each as a whole.
func TestOrder(t *testing.T) {
	inBubble(t, http.NoBody, func(t *testing.T, s *stream, u *Tunnel) {
		u.SetReader(&reading{t: u})
		over := serve(u)
		for _, p := range []string{"a", "b"} {
			go func() {
				n, err := u.Write([]byte(p))
				assert.Equal(t, 1, n)
				assert.NoError(t, err)
			}()
			synctest.Wait()
		}
		require.Empty(t, s.noted(), "before it is open")
		u.Open()
		time.Sleep(3 * time.Second)
		got := s.noted()
		require.Equal(t, []string{"read deadline none", "write deadline none", "OK, Ours", "flush"}, got[:4])
		rest := strings.Join(got[4:], ", ")
		a, b := "write a, wrote a, flush", "write b, wrote b, flush"
		assert.Contains(t, []string{a + ", " + b, b + ", " + a}, rest)
		u.Close()
		assert.True(t, isOver(over))
	})
}

// The end of what the peer sends is not the end of what it is sent, which Close is: then Serve returns, and
// nobody writes any more.
func TestHalves(t *testing.T) {
	inBubble(t, io.NopCloser(strings.NewReader("all that it sends")), func(t *testing.T, s *stream, u *Tunnel) {
		reader := &reading{t: u}
		u.SetReader(reader)
		u.Open()
		over, again := serve(u), serve(u)
		time.Sleep(time.Hour)
		assert.Equal(t, "all that it sends", string(reader.got))
		assert.True(t, reader.ends)
		_, err := u.Write([]byte("answer"))
		assert.NoError(t, err)
		assert.False(t, isOver(over))
		assert.False(t, isOver(again))

		require.NoError(t, u.Close())
		assert.True(t, isOver(over))
		assert.True(t, isOver(again), "a second call waits for the end")
		s.noted()
		_, err = u.Write([]byte("too late"))
		assert.ErrorIs(t, err, net.ErrClosed)
		assert.Empty(t, s.noted(), "net/http has it back")
	})
}

// Close wakes who waits for the peer.
func TestCloseWakesItsReader(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, s *stream, u *Tunnel) {
		u.Body, _ = io.Pipe()
		reader := &reading{t: u}
		u.SetReader(reader)
		u.Open()
		over := make(chan struct{})
		go func() {
			defer close(over)
			assert.True(t, u.Begin())
			for u.Next() {
				u.Arrived(nil)
			}
		}()
		assert.False(t, isOver(over))
		u.Close()
		assert.True(t, isOver(over))
		assert.True(t, reader.ends)
	})
}

// A write that is under way at the end comes to its own: net/http must not have its writer back before. One that
// is stuck has lastWrite for that.
func TestCloseWaitsForAWrite(t *testing.T) {
	for name, stuck := range map[string]bool{"slow": false, "stuck": true} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, http.NoBody, func(t *testing.T, s *stream, u *Tunnel) {
				s.stuck = stuck
				u.SetReader(&reading{t: u})
				u.Open()
				over := serve(u)
				var failed error
				written := false
				go func() {
					_, failed = u.Write([]byte("last"))
					written = true
				}()
				synctest.Wait()
				began := time.Now()
				go func() {
					_, err := u.Write([]byte("behind it"))
					assert.ErrorIs(t, err, net.ErrClosed)
				}()
				synctest.Wait()
				require.False(t, isOver(over))
				u.Close()
				synctest.Wait()
				assert.True(t, written)
				assert.True(t, isOver(over))
				if stuck {
					assert.ErrorIs(t, failed, os.ErrDeadlineExceeded)
					assert.Equal(t, lastWrite, time.Since(began))
				} else {
					assert.NoError(t, failed)
					assert.Equal(t, time.Second, time.Since(began))
				}
				assert.NotContains(t, s.noted(), "write behind it")
			})
		})
	}
}

// A deadline would reset the stream: none is set but by Reset, which does that.
func TestDeadlines(t *testing.T) {
	inBubble(t, http.NoBody, func(t *testing.T, s *stream, u *Tunnel) {
		for _, set := range []func(time.Time) error{u.SetDeadline, u.SetReadDeadline, u.SetWriteDeadline} {
			assert.ErrorIs(t, set(time.Now().Add(time.Second)), http.ErrNotSupported)
		}
		assert.Empty(t, s.noted())
		u.Reset()
		assert.Equal(t, []string{"write deadline -1ns"}, s.noted())
		synctest.Wait()
	})
}

// Whom nobody takes is answered 500, and the stream lasts until it is closed.
func TestRefuse(t *testing.T) {
	inBubble(t, http.NoBody, func(t *testing.T, s *stream, u *Tunnel) {
		over := serve(u)
		u.Refuse("why")
		time.Sleep(2 * time.Second)
		assert.Equal(t, []string{"Internal Server Error, Content-Type", "write why\n", "wrote why\n"}, s.noted()[2:])
		assert.False(t, isOver(over))
		u.Close()
		assert.True(t, isOver(over))
	})
}
