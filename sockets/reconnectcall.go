package sockets

import (
	"bytes"
	"errors"
	"runtime"

	"github.com/spindrift-go/spindrift/internal/errorlog"
)

// call calls a function of the program's. A panic of its is an error, which was logged.
func (c *Reconnecting) call(f func()) error {
	id := goroutine()
	c.calling.Store(&id)
	defer c.calling.Store(nil)
	err := guarded(func() error { f(); return nil })
	if p := (*panicked)(nil); errors.As(err, &p) {
		(*errorlog.Log)(nil).Error("client that comes back panicked", "reason", p.reason, "stack", string(p.stack))
	}
	return err
}

// called reports whether the caller is a function that call calls.
func (c *Reconnecting) called() bool {
	id := c.calling.Load()
	return id != nil && *id == goroutine()
}

// goroutine is which one this is. Its stack says so, in its first line.
func goroutine() string {
	var b [64]byte
	id, _, _ := bytes.Cut(b[:runtime.Stack(b[:], false)], []byte(" ["))
	return string(id)
}
