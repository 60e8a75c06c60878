package http2_test

import (
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/internal/http2client"
	"github.com/spindrift-go/spindrift/sockets"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	xhttp2 "golang.org/x/net/http2"
)

// Streams that come and go in every way leave nothing behind, and each is told Closed once. What there was before and is not
// afterwards, or the other way round, goroutines, descriptors and actors, serve counts.
func TestChurn(t *testing.T) {
	everywhere(t, func(t *testing.T, secure bool) {
		var opened, told atomic.Int64
		h := &sockets.Handler{Spawn: actor.PropsFromFunc(func(ctx actor.Context) {
			switch m := ctx.Message().(type) {
			case *sockets.Upgraded:
				opened.Add(1)
			case *sockets.Closed:
				told.Add(1)
			case *frame.Frame:
				switch m.String() {
				case "close":
					ctx.Respond(frame.Close(4001, ""))
				case "much":
					ctx.Respond(frame.Binary(make([]byte, 300<<10))) // more than the client's window
				default:
					ctx.Respond(m)
				}
			}
		})}
		server := &sockets.Server{Server: http.Server{Handler: h}}
		connect := listen(t, server, secure)
		conns, rounds := 4, 60
		if testing.Short() {
			rounds = 6
		}
		var all sync.WaitGroup
		for i := range conns {
			c := connect()
			for j := range 4 {
				all.Go(func() {
					random := rand.New(rand.NewPCG(uint64(i), uint64(j)))
					for range rounds {
						churn(t, c, random)
					}
				})
			}
			if i%2 == 1 { // the other ones end with their connection
				t.Cleanup(func() { c.Close() })
			} else {
				all.Go(func() { <-time.After(time.Duration(i*100+200) * time.Millisecond); c.Close() })
			}
		}
		all.Wait()
		last := open(t, connect(), "/")
		last.echoes("still here")
		last.send(frame.Close(frame.Normal, ""))
		last.closes(frame.Normal)
		require.NoError(t, server.Close())
		assert.Eventually(t, func() bool { return opened.Load() == told.Load() && server.Connections() == 0 }, testTimeout, 10*time.Millisecond,
			"%d opened, %d were told Closed, %d are left", opened.Load(), told.Load(), server.Connections())
	})
}

// churn opens a stream and ends it, in a way that chance has. Its connection may end meanwhile.
func churn(t *testing.T, c *http2client.Conn, random *rand.Rand) {
	s, err := c.WebSocket("/")
	if err != nil {
		return
	}
	defer s.Forget()
	masked := func(f *frame.Frame) []byte { return frame.AppendMasked(nil, f, [4]byte{1, 2, 3, 4}) }
	buf := make([]byte, 100)
	hello := masked(frame.Text("hello"))
	switch random.IntN(8) {
	case 0:
		s.Write(masked(frame.Close(frame.Normal, "")))
	case 1:
		s.Write(masked(frame.Text("close")))
		if _, err := s.Read(buf); err == nil {
			s.Write(masked(frame.Close(4001, "")))
		}
	case 2:
		s.Write(hello[:random.IntN(len(hello))])
		s.Reset(xhttp2.ErrCodeCancel)
		return
	case 3:
		s.Write(hello)
		s.CloseWrite()
	case 4:
		s.Write(masked(frame.Text("much")))
		s.Read(buf)
		s.Reset(xhttp2.ErrCodeCancel)
		return
	case 5:
		s.Write(masked(frame.Text("much")))
		s.Reset(xhttp2.ErrCodeCancel)
		return
	case 6:
		s.Write([]byte{0xff, 0xff, 0xff, 0xff})
		s.Read(buf) // 1002; the server then waits for our half to end
		s.CloseWrite()
	case 7:
		s.Write(hello)
		s.Read(buf)
		s.Write(masked(frame.Close(frame.Normal, "")))
		s.CloseWrite()
	}
	for err == nil {
		_, err = s.Read(buf)
	}
	assert.NotErrorIs(t, err, http2client.ErrTimeout)
}
