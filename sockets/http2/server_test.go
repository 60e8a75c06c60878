package http2_test

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A server counts streams as it counts connections: by address, in All, and for those whom it sends away.
func TestServerKnowsStreams(t *testing.T) {
	everywhere(t, func(t *testing.T, secure bool) {
		ended := make(closed, 10)
		h := &sockets.Handler{New: func(r *http.Request) (*sockets.UpgradeServer, error) {
			return &sockets.UpgradeServer{Spawn: ended.echo(), Value: r.FormValue("user")}, nil
		}}
		server := &sockets.Server{MaxConnsPerIP: 3, Server: http.Server{Handler: h}}
		connect := listen(t, server, secure)
		one, other := connect(), connect()
		ann, bob := open(t, one, "/?user=ann"), open(t, one, "/?user=bob")
		second := open(t, other, "/?user=ann")
		s, err := one.Connect("/?user=cleo")
		require.NoError(t, err)
		status, header, err := s.Answer()
		require.NoError(t, err)
		assert.Equal(t, "503", status, "the fourth of one address")
		assert.Empty(t, header.Get("Upgrade")+header.Get("Connection"))

		var users []string
		for _, user := range server.All() {
			users = append(users, user.(string))
		}
		slices.Sort(users)
		assert.Equal(t, []string{"ann", "ann", "bob"}, users)
		assert.Equal(t, 2, server.CloseWhere(func(user any) bool { return user == "ann" }, 4003, "kicked"))
		for _, p := range []*peer{ann, second} {
			code, reason := p.next().CloseStatus()
			assert.Equal(t, frame.Code(4003), code)
			assert.Equal(t, "kicked", reason)
			p.send(frame.Close(4003, ""))
			p.ends()
			ended.expect(t, 4003)
		}
		bob.echoes("still here")
		open(t, one, "/?user=cleo").echoes("a place is free again")
	})
}

// An Observer is told of streams what it is told of connections.
func TestObserverOfStreams(t *testing.T) {
	var mu sync.Mutex
	var told []string
	tell := func(what string) { mu.Lock(); told = append(told, what); mu.Unlock() }
	ended := make(closed, 2)
	traffic := make(chan sockets.Traffic, 1)
	observer := &sockets.Observer{
		Opened:  func(_ *sockets.Observed, r *http.Request) { tell("opened " + r.Proto) },
		Refused: func(r *sockets.Refused) { tell(fmt.Sprint("refused ", r.Status, " ", r.Request.URL)) },
		Closed: func(c *sockets.Observed, how *sockets.Closed) {
			tell("closed " + how.Reason)
			traffic <- c.Traffic
		},
	}
	server := &sockets.Server{Observers: []*sockets.Observer{observer}, Server: http.Server{Handler: &sockets.Handler{Spawn: ended.echo()}}}
	c := serve(t, server, false)
	s, err := c.Connect("/", "origin", "http://evil.test")
	require.NoError(t, err)
	status, _, err := s.Answer()
	require.NoError(t, err)
	require.Equal(t, "403", status)
	for _, fields := range [][]string{connect("/body", "content-length", "5"), connect("/none", ":protocol", "connect-udp")} { // the second is none
		s, err = c.Request(false, fields...)
		require.NoError(t, err)
		_, _, err = s.Answer()
		require.NoError(t, err)
	}
	p := open(t, c, "/")
	p.echoes("hello")
	p.send(frame.Close(frame.Normal, "bye"))
	p.closes(frame.Normal)
	select {
	case got := <-traffic:
		assert.Equal(t, sockets.Traffic{MessagesIn: 1, BytesIn: 5, MessagesOut: 1, BytesOut: 5}, got)
	case <-time.After(testTimeout):
		require.FailNow(t, "the observer is not told Closed")
	}
	mu.Lock()
	defer mu.Unlock()
	assert.Equal(t, []string{"refused 403 /", "refused 400 /body", "opened HTTP/2.0", "closed bye"}, told)
}

// A plain CONNECT is the handler's, as it is with net/http alone.
func TestPlainConnect(t *testing.T) {
	proxy := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "CONNECT a.test:443", r.Method+" "+r.Host)
		w.WriteHeader(http.StatusOK)
		http.NewResponseController(w).Flush()
		buf := make([]byte, 5)
		n, err := r.Body.Read(buf)
		assert.NoError(t, err)
		w.Write(buf[:n])
	})
	for name, s := range map[string]server{
		"net/http": &http.Server{Handler: proxy},
		"ours":     &sockets.Server{Server: http.Server{Handler: proxy}},
		"wrapped":  &http.Server{Handler: sockets.ExtendedConnect(proxy)},
	} {
		t.Run(name, func(t *testing.T) {
			sockets.DefaultSystem() // which stays
			s, err := serve(t, s, false).Request(false, ":method", "CONNECT", ":authority", "a.test:443")
			require.NoError(t, err)
			status, _, err := s.Answer()
			require.NoError(t, err)
			assert.Equal(t, "200", status)
			_, err = s.Write([]byte("hello"))
			require.NoError(t, err)
			buf := make([]byte, 5)
			n, err := s.Read(buf)
			require.NoError(t, err)
			assert.Equal(t, "hello", string(buf[:n]))
		})
	}
}
