package sockets

import (
	"net/http"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/internal/zerovalues"
	"github.com/stretchr/testify/assert"
)

// What a program makes works as its zero value, or says what is missing; what it only gets says so where it
// is nil, because an error was not looked at, or was made by hand.
func TestZeroValues(t *testing.T) {
	assert.Empty(t, zerovalues.Try(".",
		[]any{
			Backoff{}, Callbacks{}, CloseError{}, Counters{}, Disconnected{}, Flush{}, Handler{}, HandshakeError{}, LocalRoom{},
			MessageTypeError{}, Observed{}, Proxy{}, ProxyError{}, Refusal{}, Refused{}, Server{Server: http.Server{Addr: "nowhere:x"}},
			SessionHandler{}, Stats{}, UnfinishedError{},
		},
		[]any{Conn{}, Message{}, Reconnecting{}},
		[]any{frame.Text("x"), []*frame.Frame{frame.Text("x")}, frame.Normal, frame.OpText, actor.NewPID("nowhere", "1"), time.Second, "x", &SetOptions{}},
	))
}
