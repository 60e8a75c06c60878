package sockets

import (
	"context"
	"iter"
	"maps"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// group is what a Handler, a SessionHandler and Callbacks say of connections that came in by other servers.
type group interface {
	http.Handler
	Shutdown(ctx context.Context) error
	ShutdownResult(ctx context.Context) (DrainResult, error)
	All() iter.Seq2[*actor.PID, any]
	CloseWhere(match func(value any) bool, code frame.Code, reason string) int
}

// Sessions under a server of net/http's are known to their handler, which closes them and waits for their functions.
func TestSessionsUnderAnotherServer(t *testing.T) {
	var nobody context.Context
	drain := DrainOptions{Code: frame.ServiceRestart}
	for name, made := range map[string]func(left chan<- string) group{
		"session": func(left chan<- string) group {
			h := Session(func(_ context.Context, c *Conn) error {
				_, err := c.Receive(context.Background())
				left <- err.Error()
				return nil
			})
			h.Drain = drain
			return h
		},
		"callbacks": func(left chan<- string) group {
			return &Callbacks{OnClose: func(_ *Conn, end Closed) { left <- end.String() }, Drain: drain}
		},
	} {
		t.Run(name, func(t *testing.T) {
			left := make(chan string, 3)
			h := made(left)
			server := httptest.NewServer(h)
			defer server.Close()
			open := func() *Conn {
				c, err := Dial(t.Context(), server.URL, nil)
				require.NoError(t, err)
				return c
			}
			a, b := open(), open()
			first := true
			n := h.CloseWhere(func(value any) bool {
				_, ok := value.(*Conn)
				assert.True(t, ok, "%T", value)
				defer func() { first = false }()
				return first
			}, frame.PolicyViolation, "you")
			assert.Equal(t, 1, n)
			assert.Contains(t, <-left, "1008")
			codes := make(chan frame.Code, 2)
			for _, c := range []*Conn{a, b} {
				go func() {
					_, err := c.Receive(context.Background())
					codes <- CloseCode(err)
				}()
			}
			assert.Equal(t, frame.PolicyViolation, <-codes)
			require.True(t, until(func() bool { return len(maps.Collect(h.All())) == 1 }))

			d, err := h.ShutdownResult(t.Context())
			require.NoError(t, err)
			assert.Equal(t, DrainResult{Asked: 1}, d)
			require.NotEmpty(t, left, "it waits for the function")
			assert.Contains(t, <-left, "1012")
			assert.Equal(t, frame.ServiceRestart, <-codes)
			require.ErrorIs(t, h.Shutdown(nobody), ErrNilContext)
			late, err := Dial(t.Context(), server.URL, nil)
			if err == nil {
				_, err = late.Receive(t.Context())
			}
			assert.Error(t, err, "it has been shut down")
		})
	}
}
