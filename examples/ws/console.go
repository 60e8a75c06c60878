package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/spindrift-go/spindrift/frame"
)

// console is where a command reads and writes. Its methods may be called from any goroutine.
type console struct {
	in       io.Reader
	out, err io.Writer
	inTerm   bool // a person types
	outTerm  bool // a person reads
	colour   bool

	hex, json, quiet bool // what flags have asked for
	mu               sync.Mutex
	over             bool // nothing is typed any more
}

// standard is the process's own.
func standard() *console {
	c := &console{in: os.Stdin, out: os.Stdout, err: os.Stderr, inTerm: terminal(os.Stdin), outTerm: terminal(os.Stdout)}
	c.colour = c.outTerm && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	return c
}

// terminal reports whether f is one: a character device that is not the null device.
func terminal(f *os.File) bool {
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(info, null)
}

const (
	green  = "32"
	yellow = "33"
	red    = "31"
	dim    = "2"
)

func (c *console) paint(colour, text string) string {
	if !c.colour {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

// message prints a message that has come in: for a person with the time and a mark, and without the characters that
// would rule the terminal; for a program as it is, text with a newline behind it.
func (c *console) message(f *frame.Frame) error {
	var text string
	switch {
	case c.hex && !c.outTerm:
		text = hex.EncodeToString(f.Payload)
	case c.hex, f.Opcode == frame.OpBinary && c.outTerm:
		text = strings.TrimRight(fmt.Sprintf("%d bytes\n%s", len(f.Payload), hex.Dump(f.Payload)), "\n")
	case f.Opcode == frame.OpBinary:
		return c.raw(f.Payload)
	default:
		text = c.pretty(f.Payload)
	}
	if !c.outTerm {
		return c.raw([]byte(text + "\n"))
	}
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = c.paint(green, printable(line))
	}
	return c.raw([]byte(c.erase() + c.stamp() + c.paint(green, " < ") + strings.Join(lines, "\n") + "\n"))
}

func (c *console) raw(p []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, err := c.out.Write(append(p, c.prompt()...))
	return err
}

// note tells what is no message. A program that reads standard output does not get it.
func (c *console) note(colour, format string, args ...any) {
	if c.quiet {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	fmt.Fprint(c.err, c.erase(), c.stamp(), c.paint(colour, " * "+printable(fmt.Sprintf(format, args...))), "\n", c.prompt())
}

// end is called before the last notes.
func (c *console) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
}

// prompt is what stands before what is typed, and erase takes it away.
func (c *console) prompt() string {
	if c.inTerm && c.outTerm && !c.over {
		return "> "
	}
	return ""
}

func (c *console) erase() string {
	if c.inTerm && c.outTerm {
		return "\r\x1b[K"
	}
	return ""
}

func (c *console) stamp() string { return c.paint(dim, time.Now().Format("15:04:05.000")) }

// pretty is a text, indented if it is JSON and that was asked for.
func (c *console) pretty(p []byte) string {
	if c.json {
		var b bytes.Buffer
		if json.Indent(&b, p, "", "  ") == nil {
			return b.String()
		}
	}
	return string(p)
}

// printable is text without characters that a terminal would obey.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' || unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, text)
}
