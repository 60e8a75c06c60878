package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// start serves what the command does. It returns the URL with http and with ws.
func start(t *testing.T) (s *server, page, ws string) {
	s = newServer(false)
	h := httptest.NewServer(s.Handler)
	t.Cleanup(func() { h.Close(); s.System.Shutdown() })
	return s, h.URL, strings.Replace(h.URL, "http", "ws", 1)
}

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func dial(t *testing.T, url string, o *sockets.Options) *sockets.Conn {
	c, err := sockets.Dial(within(t), url, &sockets.DialOptions{Options: o})
	require.NoError(t, err)
	t.Cleanup(c.Cut)
	return c
}

func TestPage(t *testing.T) {
	_, page, _ := start(t)
	for path, want := range map[string]string{"/": "<title>Spindrift echo", "/page.css": "color-scheme", "/page.js": "WebSocket", "/panel.js": "snapshots"} {
		r, err := http.Get(page + path)
		require.NoError(t, err)
		body, err := io.ReadAll(r.Body)
		r.Body.Close()
		require.NoError(t, err)
		assert.Equal(t, 200, r.StatusCode, path)
		assert.Contains(t, string(body), want)
	}
	r, err := http.Get(page + "/server.go")
	require.NoError(t, err)
	r.Body.Close()
	assert.Equal(t, http.StatusUpgradeRequired, r.StatusCode, "all else is an echo")
}

func TestEchoInAnySubprotocol(t *testing.T) {
	_, _, ws := start(t)
	c := dial(t, ws+"/any/path", &sockets.Options{Subprotocols: []string{"mine", "other"}})
	assert.Equal(t, "mine", c.Subprotocol())
	require.NoError(t, c.SendText(within(t), "hello"))
	text, err := c.ReceiveText(within(t))
	require.NoError(t, err)
	assert.Equal(t, "hello", text)
}

// until reads events up to one that is wanted.
func until(t *testing.T, w *sockets.Conn, wanted func(event) bool) event {
	for {
		var e event
		require.NoError(t, w.ReceiveJSON(within(t), &e))
		if wanted(e) {
			return e
		}
	}
}

// A page is told what the server sees of the page's other WebSocket, and rules the server's end.
func TestWatch(t *testing.T) {
	_, _, ws := start(t)
	w := dial(t, ws+"/spindrift/watch?watch=0123456789abcdef", nil)
	until(t, w, func(e event) bool { return e.What == "watching" })
	ask := func(text string) { require.NoError(t, w.SendText(within(t), text)) }

	c := dial(t, ws+"/?watch=0123456789abcdef", nil)
	until(t, w, func(e event) bool { return e.What == "open" })
	ask(`{"Do":"ping","Text":"are you there?"}`)
	e := until(t, w, func(e event) bool { return e.Op == "pong" })
	assert.True(t, e.In)
	assert.Equal(t, "61726520796f752074686572653f", e.Hex)
	assert.Positive(t, until(t, w, func(e event) bool { return e.What == "rtt" }).Millis)

	ask(`{"Do":"send","Text":"pushed","Fragments":3}`)
	text, err := c.ReceiveText(within(t))
	require.NoError(t, err)
	assert.Equal(t, "pushed", text)
	require.NoError(t, c.SendText(within(t), "echo"))
	text, err = c.ReceiveText(within(t))
	require.NoError(t, err)
	assert.Equal(t, "echo", text)
	sizes := []int{}
	for last := false; !last; {
		e := until(t, w, func(e event) bool { return e.What == "frame" && !e.In && e.Text != "pushed" })
		sizes, last = append(sizes, e.Size), e.Fin
	}
	assert.Equal(t, []int{1, 1, 2}, sizes)

	ask(`{"Do":"close","Code":4000,"Text":"enough"}`)
	_, err = c.Receive(within(t))
	assert.Equal(t, frame.Code(4000), sockets.CloseCode(err))
	e = until(t, w, func(e event) bool { return e.What == "closed" })
	assert.Equal(t, event{At: e.At, What: "closed", Code: 4000, Reason: "enough", By: "local", Clean: true}, e)
}

// Nobody watches with an id that can be guessed, or that another has.
func TestWatchWantsASecret(t *testing.T) {
	_, _, ws := start(t)
	first := dial(t, ws+"/spindrift/watch?watch=0123456789abcdef", nil)
	until(t, first, func(e event) bool { return e.What == "watching" })
	for _, id := range []string{"", "short", "0123456789abcdef"} {
		_, err := dial(t, ws+"/spindrift/watch?watch="+id, nil).Receive(within(t))
		assert.Equal(t, frame.PolicyViolation, sockets.CloseCode(err), id)
	}
}

func TestStats(t *testing.T) {
	s, _, ws := start(t)
	c := dial(t, ws, nil)
	require.NoError(t, c.SendText(within(t), "hello"))
	_, err := c.Receive(within(t))
	require.NoError(t, err)
	c.Close(frame.Normal, "")
	assert.Eventually(t, func() bool { return s.counters.Stats().Closed["1000"] == 1 }, 5*time.Second, time.Millisecond)
	var now sockets.Stats
	require.NoError(t, dial(t, ws+"/spindrift/stats", nil).ReceiveJSON(within(t), &now))
	assert.Zero(t, now.Open, "that of the page itself does not count")
	assert.EqualValues(t, 1, now.MessagesIn)
	assert.EqualValues(t, 5, now.BytesOut)
}

func TestFragments(t *testing.T) {
	for n, want := range map[int]string{1: "abc", 2: "a bc", 3: "a b c", 9: "a b c"} {
		var got []string
		for _, f := range fragments(frame.Text("abc"), n) {
			got = append(got, string(f.Payload))
		}
		assert.Equal(t, want, strings.Join(got, " "))
	}
}
