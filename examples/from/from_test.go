package from

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets"
	"github.com/spindrift-go/spindrift/sockets/sockettest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The ways to echo.
func TestEchoes(t *testing.T) {
	for name, h := range map[string]http.Handler{"coder": http.HandlerFunc(reply), "node": connected} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := sockettest.Connect(t, h, "/", sockettest.Subprotocols("echo"))
				p.SendText(`{"a":1}`)
				p.ExpectText(`{"a":1}`)
				p.Close(frame.Normal, "")
			})
		})
	}
}

func TestHub(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := sockettest.NewServer(t, http.HandlerFunc(newHub().serveWs))
		a, b := server.Connect("/"), server.Connect("/")
		synctest.Wait() // until both have joined
		a.SendText("hello")
		a.ExpectText("hello")
		b.ExpectText("hello")
		a.Close(frame.GoingAway, "")
		b.Close(frame.GoingAway, "")
	})
}

func TestBroadcast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := sockettest.NewServer(t, broadcast())
		a, b := server.Connect("/"), server.Connect("/")
		synctest.Wait()
		a.SendText("hello")
		b.ExpectText("hello")
		b.SendBinary([]byte{1})
		a.ExpectBinary([]byte{1}) // and not its own
	})
}

func TestRooms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := sockettest.NewServer(t, &rooms{sockets.NewRoom(nil)})
		assert.Equal(t, http.StatusUnauthorized, server.Refused("/").StatusCode)
		a, b := server.Connect("/?name=ann"), server.Connect("/?name=bob")
		synctest.Wait() // until both have joined
		a.SendText("hello")
		a.ExpectText("hello")
		b.ExpectText("hello")
		a.Close(frame.Normal, "")
		synctest.Wait()
		b.SendBinary([]byte{1})
		b.ExpectBinary([]byte{1})
	})
}

func TestShout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		system := sockets.NewSystem()
		listener := system.Root.Spawn(actor.PropsFromProducer(func() actor.Actor { return shout{} }))
		p := sockettest.Serve(t, &sockets.Server{System: system, Listener: listener}).Connect("/")
		p.SendText("hi")
		p.ExpectText("HI")
		before := time.Now()
		p.ExpectPing()
		assert.Equal(t, 10*time.Second, time.Since(before))
		p.Close(frame.Normal, "")
	})
}

func TestLobby(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := sockettest.Connect(t, lobby(), "/chat/lobby")
		p.ExpectText("welcome to lobby")
		before := time.Now()
		p.ExpectPing()
		assert.Equal(t, 15*time.Second, time.Since(before), "the options of all routes")
		p.Close(frame.Normal, "")
	})
}

func TestUseWebSocket(t *testing.T) {
	server := httptest.NewServer(connected)
	defer server.Close()
	answer, err := useWebSocket(t.Context(), strings.Replace(server.URL, "http", "ws", 1))
	require.NoError(t, err)
	assert.Equal(t, "hello", answer)
	refusing := httptest.NewServer(http.NotFoundHandler())
	defer refusing.Close()
	answer, err = useWebSocket(t.Context(), strings.Replace(refusing.URL, "http", "ws", 1))
	assert.Error(t, err)
	assert.Contains(t, answer, "not found")
}
