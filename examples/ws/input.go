package main

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets"
)

// longest is the longest line that is a message.
const longest = 64 << 20

// input sends what is read, a message a line, until its end, or a mistake in it. That the connection has ended is no mistake.
func (t *conversation) input() error {
	if t.whole {
		return t.inputWhole()
	}
	lines := bufio.NewScanner(t.console.in)
	lines.Buffer(nil, longest)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSuffix(lines.Text(), "\r")
		if t.inTerm && strings.HasPrefix(line, "/") && !strings.HasPrefix(line, "//") {
			t.command(line)
			continue
		}
		if t.inTerm {
			line = strings.Replace(line, "//", "/", btoi(strings.HasPrefix(line, "//")))
		}
		f, err := t.messageOf(line)
		if err != nil && t.inTerm {
			t.note(red, "%v", err)
			continue
		} else if err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		if !t.send(f) {
			return nil
		}
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return fmt.Errorf("a line is longer than 64 MiB: -whole sends all of the input as one message")
	}
	return lines.Err()
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// messageOf is a line as a message.
func (t *conversation) messageOf(line string) (*frame.Frame, error) {
	switch {
	case t.hexIn:
		return hexMessage(line)
	case t.binary:
		return frame.Binary([]byte(line)), nil
	case !utf8.ValidString(line):
		return nil, errors.New("text that is not UTF-8: -binary sends it as it is")
	}
	return frame.Text(line), nil
}

func hexMessage(digits string) (*frame.Frame, error) {
	p, err := hex.DecodeString(strings.NewReplacer(" ", "", ":", "", "0x", "").Replace(digits))
	if err != nil {
		return nil, fmt.Errorf("not hexadecimal: %q", digits)
	}
	return frame.Binary(p), nil
}

// send reports whether the connection took a message. It waits for space.
func (t *conversation) send(f *frame.Frame) bool {
	if t.Send(context.Background(), f) != nil {
		return false
	}
	t.sent.Add(1)
	if t.inTerm {
		t.raw(nil) // a prompt
	}
	return true
}

// inputWhole sends all of the input as one message, a piece in memory at a time.
func (t *conversation) inputWhole() error {
	op := frame.OpText
	if t.binary {
		op = frame.OpBinary
	}
	c, err := t.Current(context.Background())
	if err != nil {
		return nil
	}
	w, err := c.Writer(context.Background(), op)
	if err != nil {
		return nil
	}
	_, err = io.Copy(w, t.console.in)
	if end := w.Close(); end == nil && err == nil {
		t.sent.Add(1)
	}
	if closed := (*sockets.CloseError)(nil); errors.As(err, &closed) {
		return nil
	}
	return err
}

const commands = `/ping, /close [CODE [REASON]], /hex BYTES, /file NAME, /times N TEXT; a line that begins with // is a message with one /`

// command obeys what a person has typed.
func (t *conversation) command(line string) {
	name, rest, _ := strings.Cut(strings.TrimPrefix(line, "/"), " ")
	rest = strings.TrimSpace(rest)
	switch name {
	case "ping":
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		t.roundTrip(ctx)
	case "close":
		t.close(rest)
	case "hex":
		if f, err := hexMessage(rest); err != nil {
			t.note(red, "%v", err)
		} else {
			t.send(f)
		}
	case "file":
		if p, err := os.ReadFile(rest); err != nil {
			t.note(red, "%v", err)
		} else if utf8.Valid(p) && !t.binary {
			t.send(frame.TextBytes(p))
		} else {
			t.send(frame.Binary(p))
		}
	case "times":
		digits, text, _ := strings.Cut(rest, " ")
		n, err := strconv.Atoi(digits)
		if err != nil || n < 1 || n > 1e6 {
			t.note(red, "/times wants a number from 1 to 1000000 and a text")
			return
		}
		for f := frame.Text(text); n > 0 && t.Send(context.Background(), f) == nil; n-- {
			t.sent.Add(1)
		}
	case "help":
		t.note(dim, "%s", commands)
	default:
		t.note(red, "/%s is no command: %s", name, commands)
	}
}

// close closes with a code, if there is one.
func (t *conversation) close(rest string) {
	digits, reason, _ := strings.Cut(rest, " ")
	code := frame.Normal
	if digits != "" {
		n, err := strconv.ParseUint(digits, 10, 16)
		if code = frame.Code(n); err != nil || !code.OnWire() {
			t.note(red, "%s is not a code that a Close may carry: 1000 to 1003, 1007 to 1014, 3000 to 4999", digits)
			return
		}
	}
	t.finish(code, reason)
}
