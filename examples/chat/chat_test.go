package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// visitor is a page without the page.
type visitor struct {
	*testing.T
	*sockets.Conn
	epoch float64
}

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func start(t *testing.T) (url string) {
	s := httptest.NewServer(handler(newRooms()))
	t.Cleanup(s.Close)
	return strings.Replace(s.URL, "http", "ws", 1)
}

func enter(t *testing.T, url, room, query string) *visitor {
	c, err := sockets.Dial(within(t), url+"/rooms/"+room+"?"+query, nil)
	require.NoError(t, err)
	t.Cleanup(c.Cut)
	return &visitor{T: t, Conn: c}
}

// until receives up to a message that has key.
func (v *visitor) until(key string) map[string]any {
	for {
		var m map[string]any
		require.NoError(v, v.ReceiveJSON(within(v.T), &m), key)
		if m["epoch"] != nil {
			v.epoch = m["epoch"].(float64)
		}
		if m[key] != nil {
			return m
		}
	}
}

func (v *visitor) say(m fromPage) { require.NoError(v, v.SendJSON(within(v.T), m)) }

func TestChat(t *testing.T) {
	url := start(t)
	ann := enter(t, url, "lobby", "name=Ann")
	assert.Equal(t, []any{"Ann"}, ann.until("here")["here"])
	bob := enter(t, url, "lobby", "name=bob")
	assert.Equal(t, []any{"Ann", "bob"}, ann.until("here")["here"])
	other := enter(t, url, "elsewhere", "name=Carl")
	other.until("here")

	ann.say(fromPage{Typing: true})
	assert.Equal(t, "Ann", bob.until("typing")["typing"])
	ann.say(fromPage{Say: " hello ", ID: "1"})
	for _, v := range []*visitor{ann, bob} {
		m := v.until("say")
		assert.Equal(t, "hello", m["say"])
		assert.Equal(t, "Ann", m["from"])
		assert.Equal(t, "1", m["id"])
		assert.EqualValues(t, 1, m["n"])
	}
	bob.say(fromPage{Ping: 17})
	assert.EqualValues(t, 17, bob.until("pong")["pong"])
	bob.Close(frame.Normal, "")
	assert.Equal(t, []any{"Ann"}, ann.until("here")["here"])
	other.say(fromPage{Say: "nobody of the lobby"})
	assert.EqualValues(t, 1, other.until("say")["n"], "another room")
}

// Who comes gets what was said before, and who comes back what it has missed.
func TestHistory(t *testing.T) {
	url := start(t)
	ann := enter(t, url, "lobby", "name=Ann")
	for i := range 3 {
		ann.say(fromPage{Say: fmt.Sprint(i)})
		ann.until("say")
	}
	bob := enter(t, url, "lobby", "name=Bob")
	for i := range 3 {
		assert.Equal(t, fmt.Sprint(i), bob.until("say")["say"])
	}
	again := enter(t, url, "lobby", fmt.Sprintf("name=Bob&seen=2&epoch=%.0f", ann.epoch))
	assert.Equal(t, "2", again.until("say")["say"])
	stranger := enter(t, url, "lobby", "name=Bob&seen=2&epoch=1") // of another life of the server
	assert.Equal(t, "0", stranger.until("say")["say"])
}

func TestRefused(t *testing.T) {
	url := start(t)
	for query, want := range map[string]frame.Code{"": frame.PolicyViolation, "name=" + strings.Repeat("x", 41): frame.PolicyViolation} {
		_, err := enter(t, url, "lobby", query).Receive(within(t))
		assert.Equal(t, want, sockets.CloseCode(err))
	}
	for message, want := range map[string]frame.Code{
		"no JSON": frame.UnsupportedData,
		`{"Say":"` + strings.Repeat("x", 2001) + `"}`: frame.TooBig,
		strings.Repeat("x", 9<<10):                    frame.TooBig,
	} {
		v := enter(t, url, "lobby", "name=Ann")
		v.until("here")
		require.NoError(t, v.SendText(within(t), message))
		for {
			if _, err := v.Receive(within(t)); err != nil {
				assert.Equal(t, want, sockets.CloseCode(err), message)
				break
			}
		}
	}
	v := enter(t, url, "lobby", "name=Ann")
	for range 30 { // two seconds' worth may come at once
		v.SendJSON(within(t), fromPage{Typing: true})
	}
	for {
		if _, err := v.Receive(within(t)); err != nil {
			assert.Equal(t, frame.PolicyViolation, sockets.CloseCode(err))
			break
		}
	}
}

// A room that nobody is in makes room for another.
func TestRoomsAreBounded(t *testing.T) {
	all := newRooms()
	for i := range most + 1 {
		_, err := all.room(fmt.Sprint(i))
		require.NoError(t, err)
	}
	assert.Len(t, all.named, 1)
}

// The README says how long the server is.
func TestServerIsShort(t *testing.T) {
	lines := 0
	for _, name := range []string{"chat.go", "main.go"} {
		source, err := os.ReadFile(name)
		require.NoError(t, err)
		lines += strings.Count(string(source), "\n")
	}
	assert.Less(t, lines, 200)
}

func TestPage(t *testing.T) {
	url := strings.Replace(start(t), "ws", "http", 1)
	for path, want := range map[string]int{"/": 200, "/chat.js": 200, "/chat.css": 200, "/chat.go": 404, "/rooms/lobby": 426} {
		r, err := http.Get(url + path)
		require.NoError(t, err)
		r.Body.Close()
		assert.Equal(t, want, r.StatusCode, path)
	}
}
