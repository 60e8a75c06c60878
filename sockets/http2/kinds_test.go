package http2_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/internal/harness"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/spindrift-go/spindrift/sockets"
	"github.com/stretchr/testify/assert"
)

// What can be written over HTTP/1.1 is the same over HTTP/2: each kind of handler answers in its own way.
func TestKindsOfHandlers(t *testing.T) {
	type order struct{ Name string }
	ended := make(closed, 20)
	kinds := map[string]struct {
		handler    http.Handler
		send, want string
	}{
		"callbacks": {&sockets.Callbacks{
			OnMessage: func(c *sockets.Conn, m *frame.Frame) { c.SendText(context.Background(), "called with "+m.String()) },
			OnClose:   func(_ *sockets.Conn, end sockets.Closed) { ended <- &end },
		}, "hello", "called with hello"},
		"a typed codec": {&sockets.Handler{Spawn: actor.PropsFromFunc(func(ctx actor.Context) {
			switch m := ctx.Message().(type) {
			case *order:
				ctx.Respond(&order{Name: strings.ToUpper(m.Name)})
			case *sockets.Closed:
				ended <- m
			}
		}), Stages: []pipeline.Stage{pipeline.JSON[order]()}}, `{"Name":"hello"}`, `{"Name":"HELLO"}`},
		"a long message as it comes": {&sockets.Handler{Options: &sockets.Options{StreamOver: 10}, Spawn: actor.PropsFromFunc(func(ctx actor.Context) {
			switch m := ctx.Message().(type) {
			case *sockets.Message:
				sender, reader := ctx.Sender(), m.Reader()
				go func() {
					all, err := io.ReadAll(reader)
					if assert.NoError(t, err) {
						harness.System().Root.Send(sender, frame.Text(string(all[:5])))
					}
				}()
			case *sockets.Closed:
				ended <- m
			}
		})}, strings.Repeat("hello", 20_000), "hello"},
		"answers, several at a time": {sockets.Session(func(ctx context.Context, c *sockets.Conn) error {
			err := c.Reply(ctx, 4, func(_ context.Context, m *frame.Frame) (*frame.Frame, error) {
				return frame.Text("re: " + m.String()), nil
			})
			<-c.Done()
			ended <- c.Closed()
			return err
		}), "hello", "re: hello"},
	}
	for name, kind := range kinds {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, secure bool) {
				c := serve(t, &sockets.Server{Server: http.Server{Handler: kind.handler}}, secure)
				p := open(t, c, "/")
				for range 3 {
					p.send(frame.Text(kind.send))
					p.text(kind.want)
				}
				p.send(frame.Close(4001, "enough"))
				p.closes(4001)
				assert.True(t, ended.expect(t, 4001).Clean)
			})
		})
	}
}

// A room has members that came by streams of one connection and by another; one that is reset has left.
func TestRoomOverStreams(t *testing.T) {
	ended := make(closed, 10)
	room := sockets.NewRoom(&sockets.RoomOptions{System: harness.System()})
	h := &sockets.Handler{Spawn: actor.PropsFromFunc(func(ctx actor.Context) {
		switch m := ctx.Message().(type) {
		case *sockets.Upgraded:
			assert.NoError(t, room.Join(ctx.Sender(), ""))
			ctx.Respond(frame.Text("joined"))
		case *frame.Frame:
			assert.NoError(t, room.Send(m))
		case *sockets.Closed:
			ended <- m
		}
	})}
	connect := listen(t, &sockets.Server{Server: http.Server{Handler: h}}, false)
	one, other := connect(), connect()
	members := []*peer{open(t, one, "/"), open(t, one, "/"), open(t, one, "/"), open(t, other, "/")}
	for _, m := range members {
		m.text("joined")
	}
	assert.Equal(t, 4, room.Len())
	members[0].send(frame.Text("hello"))
	for _, m := range members {
		m.text("hello")
	}
	assert.NoError(t, members[1].Reset(8))
	ended.expect(t, frame.Abnormal)
	assert.Equal(t, 3, room.Len())
	members[3].send(frame.Text("again"))
	for _, i := range []int{0, 2, 3} {
		members[i].text("again")
		members[i].send(frame.Close(frame.Normal, ""))
		members[i].closes(frame.Normal)
		ended.expect(t, frame.Normal)
	}
	assert.Zero(t, room.Len())
}
