package sockets

import (
	"context"
	"net/http"

	"github.com/spindrift-go/spindrift/frame"
)

// Callbacks are functions that are called with what a connection says, one at a time and in
// order: OnOpen first, OnMessage for each message, OnError if the end was not an ordinary
// one, OnClose last of all. Each may be nil. A peer waits while they are busy.
//
// As an http.Handler, Callbacks accept every WebSocket; Dial opens one. Use them by pointer.
type Callbacks struct {
	OnOpen    func(c *Conn)
	OnMessage func(c *Conn, m *frame.Frame)
	OnError   func(c *Conn, err error)
	OnClose   func(c *Conn, end Closed)
	Options   *Options // nil: the defaults
}

// ServeHTTP upgrades r or refuses it, and returns.
func (b *Callbacks) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	(&SessionHandler{Serve: b.serve, Options: b.Options}).ServeHTTP(w, r)
}

// Dial is the function [Dial], whose connection is the callbacks'.
func (b *Callbacks) Dial(ctx context.Context, address string, o *DialOptions) (*Conn, error) {
	c, err := Dial(ctx, address, o)
	if err == nil {
		go b.serve(context.Background(), c)
	}
	return c, err
}

func (b *Callbacks) serve(_ context.Context, c *Conn) error {
	if b.OnOpen != nil {
		b.OnOpen(c)
	}
	for f, err := range c.Messages(context.Background()) { // until the connection ends
		switch {
		case err != nil && b.OnError != nil:
			b.OnError(c, err)
		case err == nil && b.OnMessage != nil:
			b.OnMessage(c, f)
		}
	}
	<-c.Done()
	if b.OnClose != nil {
		b.OnClose(c, *c.Closed())
	}
	return nil
}
