package main

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"

	"github.com/spindrift-go/spindrift/examples/tools/interop/peers/protocol"
	"github.com/spindrift-go/spindrift/sockets"
)

// A visitor is a peer in one role, started when needed, and anew after a failure.
type visitor struct {
	*run
	role, dir string
	argv      []string
	child     *child
	hello     protocol.Hello
}

func (v *visitor) leave() {
	if v.child != nil {
		v.child.end()
		v.child = nil
	}
}

func (v *visitor) start(ctx context.Context) (err error) {
	if v.child != nil {
		return nil
	}
	argv := append(slices.Clone(v.argv), v.role)
	if v.role == "client" {
		argv = append(argv, v.authority.ca)
	} else {
		argv = append(argv, v.authority.cert, v.authority.key)
	}
	if v.child, err = start(ctx, v.dir, argv...); err != nil {
		return err
	}
	waiting, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	return v.child.hear(waiting, &v.hello)
}

// try runs one cell.
func (v *visitor) try(ctx context.Context, c *Case) (err error) {
	defer func() {
		if err != nil {
			v.leave()
		}
	}()
	if err := v.start(ctx); err != nil {
		return fmt.Errorf("peer: %w", err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, cellTime, fmt.Errorf("nothing for %v", cellTime))
	defer cancel()
	if v.role == "client" {
		return v.asClient(ctx, c)
	}
	return v.asServer(ctx, c)
}

// options are a case's, on the poller or not.
func (v *visitor) options(c *Case) *sockets.Options {
	o := c.options
	o.Portable = v.portable
	return &o
}

// asClient has the peer open a connection to a server of ours.
func (v *visitor) asClient(ctx context.Context, c *Case) error {
	scheme, secure := "ws", (*authority)(nil)
	if c.secure {
		scheme, secure = "wss", v.authority
	}
	h, err := serve(v.system, routes{"": v.options(c)}, secure)
	if err != nil {
		return err
	}
	defer h.server.Close()
	tap, err := newTap(h.addr)
	if err != nil {
		return err
	}
	defer tap.close()
	if err := v.child.say(fmt.Sprintf("%s %s://%s/%s", c.name, scheme, tap.addr(), c.name)); err != nil {
		return err
	}
	if err := v.converse(ctx, c, tap, h.accept); err != nil {
		return err
	}
	return h.shutdown(ctx)
}

// asServer has our client open a connection to the peer.
func (v *visitor) asServer(ctx context.Context, c *Case) error {
	scheme, port, u := "ws", v.hello.Plain, sockets.UpgradeClient{Options: v.options(c)}
	switch {
	case c.secure:
		scheme, port = "wss", v.hello.TLS
	case c.name == "declined":
		port = v.hello.Declined
	}
	tap, err := newTap(fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return err
	}
	defer tap.close()
	url := fmt.Sprintf("%s://%s/%s", scheme, tap.addr(), c.name)
	if c.secure {
		if _, err := dial(ctx, v.system, url, u); !errors.As(err, new(x509.UnknownAuthorityError)) {
			return fmt.Errorf("without its authority: %v", err)
		}
		u.Dialer = v.authority.trusting()
	}
	return v.converse(ctx, c, tap, func(ctx context.Context) (*talk, error) {
		return dial(ctx, v.system, url, u)
	})
}

// converse plays our half and compares what both ends and the wire have to tell.
func (v *visitor) converse(ctx context.Context, c *Case, tap *tap, open func(context.Context) (*talk, error)) error {
	reported, child := make(chan protocol.Report, 1), v.child
	playing, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	go func() {
		var r protocol.Report
		if err := child.hear(ctx, &r); err != nil {
			fail(fmt.Errorf("peer: %w", err))
		} else if r.Error != "" {
			fail(errors.New("peer: " + r.Error))
		}
		reported <- r
	}()
	t, err := open(playing)
	if err != nil {
		return err
	}
	if err := c.run(playing, t); err != nil {
		t.send(&sockets.Leave{})
		return err
	}
	r := <-reported
	if playing.Err() != nil {
		return context.Cause(playing)
	}
	if err := c.compare(&r); err != nil {
		return err
	}
	if c.secure {
		return tap.secret(marker)
	}
	up, down, err := tap.upgraded(ctx)
	if err != nil {
		return err
	}
	w, err := readWire(up, down, t.client)
	if err != nil {
		return err
	}
	if err := w.check(); err != nil || c.wire == nil {
		return err
	}
	return c.wire(w)
}

// compare checks what the peer reports.
func (c *Case) compare(r *protocol.Report) error {
	code, reason := cmp.Or(c.code, 1000), c.reason
	if c.code == 0 {
		reason = "done"
	}
	spoken := ""
	if len(c.options.Subprotocols) > 0 {
		spoken = "chat.v2"
	}
	switch {
	case r.Case != c.name:
		return fmt.Errorf("the peer reports case %q", r.Case)
	case !slices.Equal(r.Seen, c.seen):
		return fmt.Errorf("the peer got %q", r.Seen)
	case r.Code != 0 && (r.Code != code || c.name != "close-from" && r.Reason != reason):
		return fmt.Errorf("the peer got Close %d %q", r.Code, r.Reason)
	case r.Protocol != spoken:
		return fmt.Errorf("the peer has subprotocol %q", r.Protocol)
	}
	return nil
}
