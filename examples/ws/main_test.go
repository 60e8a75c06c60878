package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// output is written by several goroutines.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// try runs the program, with a pipe at each end.
func try(t *testing.T, input string, args ...string) (status int, out, errors string) {
	return tryOn(t, &console{in: strings.NewReader(input)}, args...)
}

func tryOn(t *testing.T, c *console, args ...string) (status int, out, errors string) {
	var o, e output
	c.out, c.err = &o, &e
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	status = run(ctx, args, c)
	require.NoError(t, ctx.Err(), "it hangs: %s", e.String())
	return status, o.String(), e.String()
}

// server runs serve for each connection.
func server(t *testing.T, serve func(ctx context.Context, c *sockets.Conn) error, o *sockets.Options) string {
	s := httptest.NewServer(&sockets.SessionHandler{Serve: serve, Options: o})
	t.Cleanup(s.Close)
	return "ws" + strings.TrimPrefix(s.URL, "http")
}

func TestPipe(t *testing.T) {
	url := server(t, echo, &sockets.Options{MaxMessage: -1, MaxFrame: -1})
	for _, tt := range []struct{ args, in, out string }{
		{"-wait 0", "hello\nworld\n", "hello\nworld\n"},
		{"-count 2 -wait -1s", "a\nb\nc\n", "a\nb\n"},
		{"-wait 0", "no newline at the end", "no newline at the end\n"},
		{"-wait 0", "", ""},
		{"-wait 0 -json", "{\"a\":1}\nplain\n", "{\n  \"a\": 1\n}\nplain\n"},
		{"-wait 0 -binary", "a\nb\n", "ab"}, // binary comes out as it is
		{"-wait 0 -send-hex -hex", "00 ff\n", "00ff\n"},
		{"-whole -count 1", "two\nlines\n", "two\nlines\n\n"},
		{"-reconnect -count 1", "x\n", "x\n"},
	} {
		status, out, errs := try(t, tt.in, append(strings.Fields(tt.args), url)...)
		assert.Equal(t, inOrder, status, tt.args)
		assert.Equal(t, tt.out, out, tt.args)
		assert.Empty(t, errs, tt.args)
	}
}

func TestWholeIsOneMessage(t *testing.T) {
	url := server(t, echo, &sockets.Options{MaxMessage: -1, MaxFrame: -1})
	long := strings.Repeat("spindrift", 300_000)
	status, out, _ := try(t, long, "-whole", "-count", "1", url)
	assert.Equal(t, inOrder, status)
	assert.True(t, out == long+"\n", "%d bytes", len(out))
}

// What the handshake is asked for.
func TestHandshake(t *testing.T) {
	url := server(t, func(ctx context.Context, c *sockets.Conn) error {
		r := c.Request()
		user, password, _ := r.BasicAuth()
		return c.SendText(ctx, strings.Join([]string{r.Header.Get("X-A"), user, password, c.Subprotocol(), r.Header.Get("Sec-WebSocket-Extensions")[:18]}, " "))
	}, &sockets.Options{Subprotocols: []string{"two"}})
	status, out, errs := try(t, "", url, "-H", "X-A: b", "-user", "me:secret", "-subprotocol", "one, two", "-compress", "-v")
	assert.Equal(t, inOrder, status)
	assert.Equal(t, "b me secret two permessage-deflate\n", out)
	assert.Contains(t, errs, "connected, subprotocol two")
	assert.Contains(t, errs, "closed by the server: 1000 (normal)")
	assert.Contains(t, errs, "1 in, 0 out")
}

// The status and the last line tell how it ended, in one line.
func TestEnds(t *testing.T) {
	closing := func(code frame.Code) string {
		return server(t, func(ctx context.Context, c *sockets.Conn) error { return frame.Failure(code, "bye") }, nil)
	}
	refuse := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.Error(w, "who are you?", http.StatusUnauthorized) }))
	t.Cleanup(refuse.Close)
	breaking := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, rw, _ := http.NewResponseController(w).Hijack()
		rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
			sockets.AcceptKey(r.Header.Get("Sec-WebSocket-Key")) + "\r\n\r\n")
		rw.Flush()
		c.Close()
	}))
	t.Cleanup(breaking.Close)
	for _, tt := range []struct {
		url, says string
		status    int
	}{
		{closing(1000), "", inOrder},
		{closing(1001), "", inOrder},
		{closing(1008), "closed by the server: 1008 (policy violation) \"bye\"\n", rejected},
		{closing(4000), "closed by the server: 4000 \"bye\"\n", rejected},
		{refuse.URL, "401): who are you?\n", refused},
		{breaking.URL, "the connection broke", broken},
		{"ws://localhost:1", "refused", unreached},
	} {
		status, _, errs := try(t, "", "-wait", "-1s", tt.url)
		assert.Equal(t, tt.status, status, errs)
		assert.Contains(t, errs, tt.says)
		assert.LessOrEqual(t, strings.Count(errs, "\n"), 1)
	}
}

func TestMistakes(t *testing.T) {
	for args, want := range map[string]string{
		"":                          "no URL is given",
		"-bogus ws://localhost":     "-bogus",
		"ftp://localhost":           "not the URL of a WebSocket",
		"ws://localhost:1:2/":       "not the URL of a WebSocket",
		"ws://localhost a":          "unexpected \"a\"",
		"-H a ws://localhost":       "want 'NAME: VALUE'",
		"-user a ws://localhost":    "NAME:PASSWORD",
		"-proxy ::: ws://localhost": "-proxy",
		"-proxy ftp://a localhost":  "-proxy",
		"-H b(c:d localhost":        "want 'NAME: VALUE'",
		"-subprotocol a,,b :1":      "-subprotocol",
		"-max 0 :1":                 "-1 for any",
		"-max -2 :1":                "-1 for any",
		"-timeout 0s :1":            "-timeout must",
		"-redirects -1 :1":          "-redirects",
		"-count -1 :1":              "-count",
		"-ping -1s :1":              "-ping",
		"-hex -json :1":             "choose one",
		"-whole -send-hex :1":       "choose one",
		"localhost:70000":           "no port",
		"localhost:0":               "no port",
		"localhost:1/#top":          "#fragment",
		"-wait x ws://localhost":    "-wait: want a time such as",
		"-wait 5 ws://localhost":    "-wait: want a time such as",
		"-count x ws://localhost":   "-count: want a whole number",
		"-json=x ws://localhost":    "-json: want true or false",
		"load -rate x :1":           "-rate: want a number",
		"load":                      "no URL is given",
		"load example.com":          "another machine",
		"load -c 1001 :1":           "-mine lifts the bounds",
		"load -d 2m :1":             "-mine lifts the bounds",
		"load -rate 50000 :1":       "-mine lifts the bounds",
		"load -c 0 :1":              "more than 0",
		"load -rate NaN :1":         "-rate",
		"load -grace -1s :1":        "-grace",
		"load -size 9 -max 8 :1":    "more than -max",
		"serve":                     "echo, chat or record",
		"serve x":                   "none of echo",
		"serve record":              "wants a FILE",
		"serve echo x":              "unexpected \"x\"",
		"serve -cert x echo":        "go together",
		"serve -max 0 echo":         "-1 for any",
	} {
		status, out, errs := try(t, "", strings.Fields(args)...)
		assert.Equal(t, misused, status, args)
		assert.Contains(t, errs, want, args)
		assert.Equal(t, 1, strings.Count(errs, "\n"), "one line: %s", errs)
		assert.Empty(t, out)
	}
}

func TestHelp(t *testing.T) {
	for _, args := range []string{"--help", "-h", "help", "load --help", "serve --help"} {
		status, out, errs := try(t, "", strings.Fields(args)...)
		assert.Equal(t, inOrder, status)
		assert.Contains(t, out, "usage:")
		assert.Contains(t, out, "flags:")
		assert.Empty(t, errs)
	}
}

func TestInputThatIsWrong(t *testing.T) {
	url := server(t, echo, nil)
	for args, want := range map[string]string{"": "line 2: text that is not UTF-8", "-send-hex": "line 1: not hexadecimal"} {
		status, _, errs := try(t, "ok\n\xff\n", append(strings.Fields(args), url)...)
		assert.Equal(t, unreached, status)
		assert.Contains(t, errs, want)
	}
}

// A person sees times, marks and colours, and nothing that the peer could do to the terminal.
func TestTerminal(t *testing.T) {
	url := server(t, func(ctx context.Context, c *sockets.Conn) error {
		c.SendText(ctx, "clear \x1b[2J screen")
		c.SendBinary(ctx, []byte{1, 2, 'a'})
		return echo(ctx, c)
	}, nil)
	in, typed := io.Pipe()
	defer typed.Close()
	go io.WriteString(typed, "/help\n/nope\n/ping\n/hex 00\n/times 2 hi\n//slash\n/close 12\n/close 4001 enough\n")
	c := &console{in: in, inTerm: true, outTerm: true, colour: true}
	status, out, errs := tryOn(t, c, "-count", "7", url)
	assert.Equal(t, rejected, status)
	assert.Contains(t, out, "clear \uFFFD[2J screen")
	assert.Contains(t, out, "00000000  01 02 61")
	assert.Contains(t, out, "\x1b[32m/slash\x1b[0m\n> ")
	for _, want := range []string{"connected", "/times N TEXT", "/nope is no command", "round trip", "not a code that a Close may carry", "closed by us: 4001 \"enough\""} {
		assert.Contains(t, errs, want)
	}
}

// An interrupt closes in order.
func TestInterrupt(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	url := server(t, func(ctx context.Context, c *sockets.Conn) error {
		c.Receive(ctx)
		cancel()
		return echo(ctx, c)
	}, nil)
	in, typed := io.Pipe()
	defer typed.Close()
	go io.WriteString(typed, "hello\n")
	var out, errs output
	assert.Equal(t, inOrder, run(ctx, []string{"-v", url}, &console{in: in, out: &out, err: &errs}))
	assert.Contains(t, errs.String(), "closed by us: 1000")
}

func TestReconnect(t *testing.T) {
	times := 0
	url := server(t, func(ctx context.Context, c *sockets.Conn) error {
		if times++; times == 1 {
			return frame.Failure(frame.ServiceRestart, "deploying")
		}
		return frame.Failure(frame.Normal, "")
	}, nil)
	status, _, errs := try(t, "", "-v", "-wait", "-1s", "-reconnect", url)
	assert.Equal(t, inOrder, status)
	assert.Equal(t, 2, strings.Count(errs, "connected\n"), errs)
	assert.Equal(t, 1, strings.Count(errs, "again in "), errs)
}
