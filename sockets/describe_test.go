package sockets

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What programs log says what it is in a few words, whoever uses it at the same time (with -race).
func TestDescriptions(t *testing.T) {
	w := newWorld(t, bare)
	server := make(chan *Conn, 1)
	addr := w.session(nil, func(ctx context.Context, c *Conn) error {
		server <- c
		return echoes(ctx, c)
	})
	c := w.open(addr, nil)
	s := <-server
	var busy sync.WaitGroup
	busy.Go(func() {
		for range 100 {
			assert.NoError(w, c.SendText(w.within(), "x"))
			_, err := c.Receive(w.within())
			assert.NoError(w, err)
		}
	})
	for range 100 {
		for _, verb := range []string{"%v", "%+v", "%s"} {
			require.Equal(w, "connection to "+addr+"/chat", fmt.Sprintf(verb, c))
			require.Regexp(w, `^connection of 127\.0\.0\.1:\d+ to /chat$`, fmt.Sprintf(verb, s))
		}
	}
	busy.Wait()
	text := func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) }
	asJSON := func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) }
	assert.Contains(w, logLine(text, c), "value.peer="+addr+" value.path=/chat\n")
	assert.Contains(w, logLine(asJSON, c), `"value":{"peer":"`+addr+`","path":"/chat"}`)

	r, err := DialReconnecting("ws://user:secret@"+addr+"/a%20path?token=secret", &DialOptions{System: w.system}, nil)
	require.NoError(w, err)
	_, err = r.Conn(w.within())
	require.NoError(w, err)
	assert.Equal(w, "client of "+addr+"/a%20path", fmt.Sprintf("%+v", r))
	assert.Contains(w, logLine(asJSON, r), `"value":"client of `+addr+`/a%20path"`)
	r.Close(frame.Normal, "")

	require.NoError(w, c.Close(4001, "enough"))
	assert.Equal(w, "connection to "+addr+`/chat, closed by this side with 4001 "enough"`, c.String())
	<-s.Done()
	assert.Contains(w, logLine(text, s), `value.end="closed by peer with 4001 \"enough\""`)
	assert.Equal(w, "no connection no connection", fmt.Sprint((*Conn)(nil), new(Conn)))
}

// logLine is the line of a log that has v as its value.
func logLine(handler func(*bytes.Buffer) slog.Handler, v any) string {
	var b bytes.Buffer
	slog.New(handler(&b)).Info("it", "value", v)
	return b.String()
}

// Counters say what they have counted, while they count (with -race).
func TestDescriptionOfCounters(t *testing.T) {
	c := new(Counters)
	o := c.Observer()
	var busy sync.WaitGroup
	busy.Go(func() {
		for range 100 {
			o.Opened(nil, nil)
			o.Traffic(nil, Traffic{MessagesIn: 2, BytesIn: 10})
			o.Closed(nil, &Closed{Code: frame.Normal})
			o.Refused(&Refused{Status: 403})
		}
	})
	for range 100 {
		for _, verb := range []string{"%v", "%+v", "%s"} {
			assert.True(t, json.Valid(fmt.Appendf(nil, verb, c)))
		}
		logLine(func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) }, c)
	}
	busy.Wait()
	var got Stats
	require.NoError(t, json.Unmarshal([]byte(c.String()), &got))
	want := c.Stats()
	want.Time = got.Time
	assert.Equal(t, want, got)
	assert.Contains(t, logLine(func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) }, c),
		`"value":{"open":0,"opened":100,"messages_in":200,"messages_out":0,"bytes_in":1000,"bytes_out":0}`)
}

// A room says how many are in it, while they come and go (with -race).
func TestDescriptionOfRooms(t *testing.T) {
	w := newWorld(t, bare)
	room := NewRoom(&RoomOptions{System: w.system})
	addr := w.session(nil, func(ctx context.Context, c *Conn) error {
		assert.NoError(w, room.Join(c.PID(), "anna"))
		defer room.Leave(c.PID())
		return echoes(ctx, c)
	})
	assert.Equal(w, "room of 0, no room", fmt.Sprintf("%+v, %v", room, (*LocalRoom)(nil)))
	var busy sync.WaitGroup
	for range 4 {
		busy.Go(func() {
			c := w.open(addr, nil)
			assert.NoError(w, c.SendText(w.within(), "x"))
			_, err := c.Receive(w.within())
			assert.NoError(w, err)
		})
	}
	for range 100 {
		require.Regexp(w, `^room of [0-4]$`, fmt.Sprintf("%+v", room))
	}
	busy.Wait()
	assert.Equal(w, "room of 4", room.String())
}

// A Conn is among a server's before it is open.
func TestDescriptionsWhileOpening(t *testing.T) {
	w := newWorld(t, bare)
	s := &Server{Server: http.Server{Handler: Session(echoes)}, System: w.system}
	addr := w.run(s)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
			}
			for _, value := range s.All() {
				if said := fmt.Sprint(value); said != "no connection" && !strings.HasPrefix(said, "connection of ") {
					assert.Fail(w, said)
				}
			}
		}
	}()
	for range 50 {
		c := w.openAt(addr, "/")
		require.NoError(w, c.Close(frame.Normal, ""))
	}
	close(stop)
	<-stopped
}

// A Message says what it is, and keeps its content for who reads it.
func TestDescriptionOfAMessage(t *testing.T) {
	assert.Equal(t, "text message in pieces", fmt.Sprintf("%+v", &Message{op: frame.OpText, inbox: new(inbox)}))
	assert.Equal(t, "no message", fmt.Sprint((*Message)(nil)))
}
