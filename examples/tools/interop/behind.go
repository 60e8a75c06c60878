package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/spindrift-go/spindrift/sockets"
)

// pair opens a WebSocket through the proxy and returns both ends.
func (b *behind) pair(ctx context.Context, url string, u sockets.UpgradeClient) (near, far *talk, err error) {
	if near, err = dial(ctx, b.system, url, u); err != nil {
		return nil, nil, err
	}
	far, err = b.host.accept(ctx)
	return near, far, err
}

// exchange sends messages each way, and closes.
func exchange(ctx context.Context, near, far *talk, all ...*frame.Frame) error {
	for _, m := range all {
		near.send(m)
		if err := far.wantFrame(ctx, m); err != nil {
			return fmt.Errorf("server: %w", err)
		}
		far.send(m)
		if err := near.wantFrame(ctx, m); err != nil {
			return fmt.Errorf("client: %w", err)
		}
	}
	near.send(frame.Close(frame.Normal, "done"))
	return ends(ctx, near, far, sockets.Closed{Code: frame.Normal, Reason: "done"})
}

// ends wants a clean end at both ends, that first began.
func ends(ctx context.Context, first, second *talk, want sockets.Closed) error {
	want.Clean = true
	want.By = sockets.Local
	err := first.wantClosed(ctx, want)
	want.By = sockets.Peer
	return errors.Join(err, second.wantClosed(ctx, want))
}

func (b *behind) plainHTTP(ctx context.Context) error {
	return b.get(ctx, "/", nil, http.StatusOK)
}

// refusal has an upgrade of a wrong version turned down, by us and not the proxy.
func (b *behind) refusal(ctx context.Context) error {
	return b.get(ctx, "/x", http.Header{
		"Connection":            {"Upgrade"},
		"Upgrade":               {"websocket"},
		"Sec-WebSocket-Version": {"12"},
		"Sec-WebSocket-Key":     {"AAAAAAAAAAAAAAAAAAAAAA=="},
	}, http.StatusUpgradeRequired)
}

func (b *behind) get(ctx context.Context, path string, header http.Header, want int) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+b.addr()+path, nil)
	if err != nil {
		return err
	}
	r.Header, r.Close = header, true
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	response.Body.Close()
	if version := response.Header.Get("Sec-WebSocket-Version"); response.StatusCode != want || header != nil && version != "13" {
		return fmt.Errorf("status %d, version %q", response.StatusCode, version)
	}
	return nil
}

// echo comes as a page of the proxy's address would.
func (b *behind) echo(ctx context.Context) error {
	u := sockets.UpgradeClient{Header: http.Header{"Origin": {"http://" + b.addr()}}}
	near, far, err := b.pair(ctx, "ws://"+b.addr()+"/x", u)
	if err != nil {
		return err
	}
	return exchange(ctx, near, far, frame.Text("grüße, 世界"), frame.Binary(everyByte()), frame.Text(""))
}

func (b *behind) mib(ctx context.Context) error {
	near, far, err := b.pair(ctx, "ws://"+b.addr()+"/x", sockets.UpgradeClient{})
	if err != nil {
		return err
	}
	return exchange(ctx, near, far, frame.Binary(noise(1<<20)))
}

func (b *behind) ping(ctx context.Context) error {
	near, far, err := b.pair(ctx, "ws://"+b.addr()+"/x", sockets.UpgradeClient{})
	if err != nil {
		return err
	}
	near.send(frame.Ping([]byte("up")))
	far.send(frame.Ping([]byte("down")))
	if err := errors.Join(near.wantTrip(ctx, "up"), far.wantTrip(ctx, "down")); err != nil {
		return err
	}
	return exchange(ctx, near, far)
}

func (b *behind) deflate(ctx context.Context) error {
	u := sockets.UpgradeClient{Options: &sockets.Options{Compression: &pipeline.Compression{}}}
	near, far, err := b.pair(ctx, "ws://"+b.addr()+"/deflate", u)
	if err != nil {
		return err
	}
	if !near.hello.Compressed || !far.hello.Compressed {
		return errors.New("permessage-deflate was not agreed on")
	}
	return exchange(ctx, near, far, frame.Text(prose(300<<10)))
}

func (b *behind) tls(ctx context.Context) error {
	u := sockets.UpgradeClient{Dialer: b.authority.trusting()}
	near, far, err := b.pair(ctx, fmt.Sprintf("wss://127.0.0.1:%d/x", b.TLS), u)
	if err != nil {
		return err
	}
	return exchange(ctx, near, far, frame.Text("behind TLS"))
}

func (b *behind) close(ctx context.Context) error {
	near, far, err := b.pair(ctx, "ws://"+b.addr()+"/x", sockets.UpgradeClient{})
	if err != nil {
		return err
	}
	far.send(frame.Close(4001, "enough"))
	return ends(ctx, far, near, sockets.Closed{Code: 4001, Reason: "enough"})
}

// alive stays silent for longer than the proxy allows; the server's Pings count.
func (b *behind) alive(ctx context.Context) error {
	near, far, err := b.pair(ctx, "ws://"+b.addr()+"/alive", sockets.UpgradeClient{})
	if err != nil {
		return err
	}
	for range 3 { // one a second
		if err := far.wantTrip(ctx, "alive"); err != nil {
			return err
		}
	}
	far.send(frame.Text("still"))
	if err := near.wantFrame(ctx, frame.Text("still")); err != nil {
		return err
	}
	return exchange(ctx, near, far)
}

// cut is silent without Pings: the proxy ends the connection, and both ends know.
func (b *behind) cut(ctx context.Context) error {
	near, far, err := b.pair(ctx, "ws://"+b.addr()+"/idle", sockets.UpgradeClient{})
	if err != nil {
		return err
	}
	for _, t := range []*talk{near, far} {
		event, err := t.next(ctx)
		if err != nil {
			return err
		}
		c, ok := event.(*sockets.Closed)
		if !ok || c.Code != frame.Abnormal || c.Reason != "" || c.Clean || c.By != sockets.Nobody || c.Err == nil {
			return errors.New(show(event))
		}
	}
	return nil
}

// drain shuts the server down with one connection open.
func (b *behind) drain(ctx context.Context) error {
	near, far, err := b.pair(ctx, "ws://"+b.addr()+"/x", sockets.UpgradeClient{})
	if err != nil {
		return err
	}
	d, err := b.host.server.ShutdownResult(ctx)
	if err != nil || d != (sockets.DrainResult{Asked: 1}) {
		return fmt.Errorf("shutdown: %+v, %v", d, err)
	}
	return ends(ctx, far, near, sockets.Closed{Code: frame.GoingAway})
}
