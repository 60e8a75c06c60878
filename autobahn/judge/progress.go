package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// progress follows an engine by the lines it prints as cases begin and end, and tells the user.
// Its methods may be called from several goroutines.
type progress struct {
	role  string
	total int
	out   io.Writer
	live  bool // out is a terminal: one line that is written over and over

	mu      sync.Mutex
	began   time.Time
	last    time.Time // of the last sign of life
	told    time.Time
	ended   int
	running []string
}

func newProgress(role string, total int) *progress {
	info, err := os.Stderr.Stat()
	now := time.Now()
	return &progress{
		role: role, total: total, out: os.Stderr,
		live:  err == nil && info.Mode()&os.ModeCharDevice != 0,
		began: now, last: now, told: now,
	}
}

// line takes a line of the engine and reports whether it was about progress.
func (p *progress) line(line string) bool {
	word, id, _ := strings.Cut(line, " ")
	if word != "began" && word != "ended" {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = time.Now()
	if word == "began" {
		p.running = append(p.running, id)
	} else {
		p.ended++
		p.running = slices.DeleteFunc(p.running, func(r string) bool { return r == id })
	}
	return true
}

// tell writes how far the run is: every time on a terminal, every twenty seconds elsewhere.
func (p *progress) tell(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.live && now.Sub(p.told) < 20*time.Second {
		return
	}
	p.told = now
	text := fmt.Sprintf("%s: %d of %d cases, %v", p.role, p.ended, p.total, now.Sub(p.began).Round(time.Second))
	if len(p.running) > 0 {
		text += ", now " + strings.Join(p.running, " ")
	}
	if p.live {
		fmt.Fprintf(p.out, "\r\x1b[K%s", text)
		return
	}
	fmt.Fprintln(p.out, text)
}

// done clears the line of a terminal.
func (p *progress) done() {
	if p.live {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}

// silence returns how long there was no sign of life, and the cases that are still running.
func (p *progress) silence(now time.Time) (time.Duration, []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return now.Sub(p.last), slices.Clone(p.running)
}
