package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A child is a program that this one started, in a process group of its own: it
// and what it starts are ended together, and nothing else is.
type child struct {
	name  string
	cmd   *exec.Cmd
	stdin io.WriteCloser
	lines chan string // of its standard output
	ended chan struct{}
	err   error // of Wait, once ended
	tail  tail
}

// start runs argv in dir until end is called or ctx has ended.
func start(ctx context.Context, dir string, argv ...string) (*child, error) {
	c := &child{
		name:  argv[0],
		cmd:   exec.CommandContext(ctx, argv[0], argv[1:]...),
		lines: make(chan string, 64),
		ended: make(chan struct{}),
	}
	c.cmd.Dir = dir
	c.cmd.Stderr = &c.tail
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.cmd.Cancel = func() error { return c.signal(syscall.SIGTERM) }
	c.cmd.WaitDelay = 3 * time.Second
	stdout, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if c.stdin, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	go c.read(stdout)
	return c, nil
}

func (c *child) read(stdout io.Reader) {
	defer close(c.ended)
	defer close(c.lines)
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		c.lines <- lines.Text()
	}
	c.err = c.cmd.Wait()
	c.signal(syscall.SIGKILL) // what it may have left behind
}

// signal is for the whole group. A group whose leader has been waited for keeps
// its number as long as it has members.
func (c *child) signal(s syscall.Signal) error {
	return syscall.Kill(-c.cmd.Process.Pid, s)
}

// end ends a child that heeds the end of its standard input: politely, then less so.
func (c *child) end() {
	c.stdin.Close()
	c.await(0, syscall.SIGTERM, syscall.SIGKILL)
}

// terminate ends a child that does not.
func (c *child) terminate() {
	c.stdin.Close()
	c.await(syscall.SIGTERM, syscall.SIGKILL)
}

// await sends signals until the child has ended.
func (c *child) await(signals ...syscall.Signal) {
	go func() {
		for range c.lines {
		}
	}()
	for _, s := range signals {
		if s != 0 {
			c.signal(s)
		}
		select {
		case <-c.ended:
			return
		case <-time.After(4 * time.Second):
		}
	}
}

// say writes a line to the child.
func (c *child) say(text string) error {
	_, err := fmt.Fprintln(c.stdin, text)
	return err
}

// next reads the child's next line.
func (c *child) next(ctx context.Context) (string, error) {
	select {
	case line, ok := <-c.lines:
		if !ok {
			<-c.ended
			return "", fmt.Errorf("it ended (%v)%s", c.cmd.ProcessState, c.tail.String())
		}
		return line, nil
	case <-ctx.Done():
		return "", fmt.Errorf("it said nothing%s: %w", c.tail.String(), context.Cause(ctx))
	}
}

// hear reads the child's next line into v, as JSON.
func (c *child) hear(ctx context.Context, v any) error {
	line, err := c.next(ctx)
	if err != nil {
		return err
	}
	if err := json.Unmarshal([]byte(line), v); err != nil {
		return fmt.Errorf("it said %q", line)
	}
	return nil
}

// command runs a program to its end and returns what it printed.
func command(ctx context.Context, dir string, argv ...string) (string, error) {
	c, err := start(ctx, dir, argv...)
	if err != nil {
		return "", err
	}
	c.stdin.Close()
	var out strings.Builder
	for line := range c.lines {
		fmt.Fprintf(&out, "%s\n", line)
	}
	<-c.ended
	switch {
	case ctx.Err() != nil:
		return out.String(), fmt.Errorf("%s: %w", argv[0], context.Cause(ctx))
	case c.err != nil:
		return out.String(), fmt.Errorf("%s: %w%s", strings.Join(argv, " "), c.err, c.tail.String())
	}
	return out.String(), nil
}

// tail keeps the last of what a child complained about.
type tail struct {
	mu sync.Mutex
	p  []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.p = append(t.p, p...)
	t.p = t.p[max(0, len(t.p)-1000):]
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if text := strings.TrimSpace(string(t.p)); text != "" {
		return ": " + strings.ReplaceAll(text, "\n", " | ")
	}
	return ""
}

var errInterrupted = errors.New("interrupted")
