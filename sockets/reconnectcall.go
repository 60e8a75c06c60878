package sockets

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"runtime"

	"github.com/spindrift-go/spindrift/internal/errorlog"
)

// call calls a function of the program's. A panic of its is an error, which was logged.
func (c *Reconnecting) call(f func()) error {
	c.enter()
	defer c.leave()
	err := guarded(func() error { f(); return nil })
	if p := (*panicked)(nil); errors.As(err, &p) {
		(*errorlog.Log)(nil).Error("client that comes back panicked", "reason", p.reason, "stack", string(p.stack))
	}
	return err
}

// marked is r, whose functions that an attempt calls are known to be called.
func (c *Reconnecting) marked(r *Reconnect) *Reconnect {
	own := *r
	if r.Address != nil {
		own.Address = func(ctx context.Context) (string, error) {
			c.enter()
			defer c.leave()
			return r.Address(ctx)
		}
	}
	if r.Header != nil {
		own.Header = func(ctx context.Context) (http.Header, error) {
			c.enter()
			defer c.leave()
			return r.Header(ctx)
		}
	}
	if r.Final != nil {
		own.Final = func(d *Disconnected) bool {
			c.enter()
			defer c.leave()
			return r.Final(d)
		}
	}
	return &own
}

// enter notes that the caller is about to call a function of the program's. There is one such at a time.
func (c *Reconnecting) enter() {
	id := goroutine()
	c.calling.Store(&id)
}

func (c *Reconnecting) leave() { c.calling.Store(nil) }

// called reports whether the caller is a function of the program's that the client has called.
func (c *Reconnecting) called() bool {
	id := c.calling.Load()
	return id != nil && *id == goroutine()
}

// goroutine is which one this is. Its stack says so, in its first line.
//
// Nothing else tells a function that was called from another that calls at the same time, and only the first may not
// wait: a context that call hands out is not what the function need wait with, and Close has none; a mark on the stack, as
// runtime.Callers shows it, is that of any client's call; and to refuse everybody meanwhile would fail a Receive that has
// done nothing wrong. It is asked for while a function is called, by those who would wait. If a stack ever begins
// otherwise, TestReconnectingCallbacks says so, by hanging.
func goroutine() string {
	var b [64]byte
	id, _, _ := bytes.Cut(b[:runtime.Stack(b[:], false)], []byte(" ["))
	return string(id)
}
