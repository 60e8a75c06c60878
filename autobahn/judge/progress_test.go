package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestProgress(t *testing.T) {
	var out bytes.Buffer
	p := newProgress("server", 3)
	p.out, p.live = &out, false
	for _, line := range []string{"began 1.1.1", "began 9.1.1", "ended 1.1.1", "began 9.1.2"} {
		assert.True(t, p.line(line))
	}
	assert.False(t, p.line("3 cases passed"))

	p.tell(p.began.Add(19 * time.Second))
	assert.Empty(t, out.String(), "too early to say something")
	p.tell(p.began.Add(21 * time.Second))
	assert.Equal(t, "server: 1 of 3 cases, 21s, now 9.1.1 9.1.2\n", out.String())

	silence, running := p.silence(p.last.Add(time.Minute))
	assert.Equal(t, time.Minute, silence)
	assert.Equal(t, []string{"9.1.1", "9.1.2"}, running)
}

func TestProgressOnTerminal(t *testing.T) {
	var out bytes.Buffer
	p := newProgress("client", 2)
	p.out, p.live = &out, true
	p.tell(p.began.Add(time.Second))
	p.done()
	assert.Equal(t, "\r\x1b[Kclient: 0 of 2 cases, 1s\r\x1b[K", out.String())
}

func TestLines(t *testing.T) {
	var got []string
	l := &lines{each: func(line string) { got = append(got, line) }}
	for _, p := range []string{"began", " 1.1.1\r\nen", "ded 1.1.1\n\nun"} {
		n, err := l.Write([]byte(p))
		assert.NoError(t, err)
		assert.Equal(t, len(p), n)
	}
	assert.Equal(t, []string{"began 1.1.1", "ended 1.1.1", ""}, got)
}
