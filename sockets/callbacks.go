package sockets

import (
	"context"
	"net/http"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
)

// Callbacks are functions that are called with what a connection says, one at a time and in
// order: OnOpen first, OnMessage for each message, OnError if the end was not an ordinary
// one, OnClose last of all. Each may be nil. A peer waits while they are busy. One that panics
// ends the connection with 1011, which the others are told; the panic is logged.
//
// As an http.Handler, Callbacks accept every WebSocket; Dial opens one. Use them by pointer.
type Callbacks struct {
	OnOpen    func(c *Conn)
	OnMessage func(c *Conn, m *frame.Frame)
	OnError   func(c *Conn, err error)
	OnClose   func(c *Conn, end Closed)
	Options   *Options         // nil: the defaults
	Stages    []pipeline.Stage // of connections that ServeHTTP accepts, as in SessionHandler
	Drain     DrainOptions     // how Shutdown treats the connections

	upgraded connSet // of connections that came in by other servers than ours
}

// ServeHTTP upgrades r or refuses it, and returns.
func (b *Callbacks) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	serveSession(w, r, b.serve, &UpgradeServer{Options: b.Options, Stages: b.Stages}, &b.upgraded)
}

// Dial is the function [Dial], whose connection is the callbacks'.
func (b *Callbacks) Dial(ctx context.Context, address string, o *DialOptions) (*Conn, error) {
	c, err := Dial(ctx, address, o)
	if err == nil {
		go c.run(b.serve, nil, c.handshake.request.URL.Host)
	}
	return c, err
}

func (b *Callbacks) serve(_ context.Context, c *Conn) error {
	defer func() { // also if a callback calls runtime.Goexit
		c.end1011()
		if b.OnClose != nil {
			b.OnClose(c, *c.Closed())
		}
	}()
	failed := guarded(func() error { b.hear(c); return nil })
	c.end1011()
	if err := c.closeError(); b.OnError != nil && !ordinary(err) {
		b.OnError(c, err)
	}
	return failed
}

// hear calls the callbacks until the connection ends.
func (b *Callbacks) hear(c *Conn) {
	if b.OnOpen != nil {
		b.OnOpen(c)
	}
	for m, err := range c.Messages(context.Background()) {
		if err == nil && b.OnMessage != nil {
			b.OnMessage(c, m)
		}
	}
}

// end1011 ends c, if it has not ended, because of its callbacks.
func (c *Conn) end1011() {
	c.Close(frame.InternalError, "")
	<-c.Done()
}
