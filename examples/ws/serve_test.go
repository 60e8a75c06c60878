package main

import (
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// running starts ws serve and returns its URL. Its notes go to errs.
func running(t *testing.T, args ...string) (url string, stop func() (status int, out string)) {
	ctx, cancel := context.WithCancel(t.Context())
	var out output
	notes, errs := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, append([]string{"serve", "-addr", "localhost:0"}, args...), &console{out: &out, err: errs})
	}()
	line := make([]byte, 256)
	n, err := notes.Read(line)
	for err == nil && !strings.Contains(string(line[:n]), "Ctrl-C ends") { // a note is written in pieces
		var more int
		more, err = notes.Read(line[n:])
		n += more
	}
	require.NoError(t, err)
	go io.Copy(io.Discard, notes)
	_, url, _ = strings.Cut(string(line[:n]), "serving ")
	url, _, _ = strings.Cut(url, ",")
	return url, func() (int, string) { cancel(); return <-ended, out.String() }
}

func TestServe(t *testing.T) {
	url, stop := running(t, "echo")
	status, out, _ := try(t, "hi\n", "-count", "1", url)
	assert.Equal(t, inOrder, status)
	assert.Equal(t, "hi\n", out)
	status, _ = stop()
	assert.Equal(t, inOrder, status)

	url, stop = running(t, "chat")
	other, err := sockets.Dial(t.Context(), url, nil)
	require.NoError(t, err)
	require.NoError(t, other.SendText(t.Context(), "first"))
	_, err = other.ReceiveText(t.Context()) // so it is a member by now
	require.NoError(t, err)
	status, out, _ = try(t, "hello\n", "-count", "1", url)
	assert.Equal(t, inOrder, status)
	assert.Equal(t, "hello\n", out)
	text, err := other.ReceiveText(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "hello", text)
	other.Close(frame.Normal, "")
	stop()

	file := filepath.Join(t.TempDir(), "record")
	url, stop = running(t, "record", file)
	try(t, "hello\n", "-wait", "0", url+"path")
	stop()
	record, err := os.ReadFile(file)
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSpace(string(record)), "\n")
	require.Len(t, lines, 3)
	assert.Contains(t, lines[0], `"Event":"open","URL":"/path"`)
	assert.Contains(t, lines[1], `"Event":"text","Text":"hello"`)
	assert.Contains(t, lines[2], `"Event":"close","Code":1000,"By":"peer"`)
}

// What keeps a server from beginning is one line, and not after the one that it serves.
func TestServeThatCannot(t *testing.T) {
	l, err := net.Listen("tcp", "localhost:0")
	require.NoError(t, err)
	defer l.Close()
	for args, want := range map[string]string{
		"-cert nope.pem -key nope.pem -addr localhost:0 echo": "nope.pem",
		"-addr " + l.Addr().String() + " echo":                "choose another with -addr",
		"record nope/nope/nope":                               "nope/nope",
	} {
		status, out, errs := try(t, "", append([]string{"serve"}, strings.Fields(args)...)...)
		assert.Equal(t, unreached, status, args)
		assert.Contains(t, errs, want)
		assert.Equal(t, 1, strings.Count(errs, "\n"), "one line: %s", errs)
		assert.Empty(t, out)
	}
}
