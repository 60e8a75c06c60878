package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"syscall"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/spindrift-go/spindrift/sockets"
)

// carried is what is between our client and our server over HTTP/2.
type carried struct {
	*run
	http2Proxy
	server *http2Server
	url    string // by which the client comes
	note   func(string)
}

var carriedChecks = []struct {
	name string
	run  func(*carried, context.Context) error
}{
	{"comes by the version it should", (*carried).greeted},
	{"echo", (*carried).echo},
	{"1 MiB", (*carried).mib},
	{"deflate", (*carried).deflate},
	{"ping", (*carried).ping},
	{"closes with 4001", (*carried).closes},
	{"is closed with 4002", (*carried).closed},
	{"20 at once", (*carried).many},
	{http2Drain, (*carried).drain},
}

// open opens a WebSocket through the proxy, and returns what the server says of it.
func (c *carried) open(ctx context.Context, name string, o *sockets.Options) (ws *sockets.Conn, proto, remote string, err error) {
	if ws, err = sockets.Dial(ctx, c.url+"/ws?name="+name, &sockets.DialOptions{Options: o, System: c.system}); err != nil {
		return nil, "", "", err
	}
	var hello struct{ Proto, Remote string }
	err = ws.ReceiveJSON(ctx, &hello)
	return ws, hello.Proto, hello.Remote, err
}

func (c *carried) greeted(ctx context.Context) error {
	ws, proto, _, err := c.open(ctx, "greeted", nil)
	if err != nil {
		return err
	}
	if want := map[int]string{1: "HTTP/1.1", 2: "HTTP/2.0"}[c.back]; proto != want {
		err = fmt.Errorf("by %s", proto)
	}
	return errors.Join(err, ws.Close(frame.Normal, ""))
}

// echoes sends messages, wants them back, and closes.
func (c *carried) echoes(ctx context.Context, name string, o *sockets.Options, messages ...*frame.Frame) error {
	ws, _, _, err := c.open(ctx, name, o)
	if err != nil {
		return err
	}
	defer ws.Cut()
	if o != nil && len(ws.Extensions()) == 0 {
		return errors.New("permessage-deflate was not agreed on")
	}
	for _, m := range messages {
		if err := ws.Send(ctx, m); err != nil {
			return err
		}
		got, err := ws.Receive(ctx)
		if err != nil {
			return err
		}
		if got.Opcode != m.Opcode || string(got.Payload) != string(m.Payload) {
			return fmt.Errorf("%s in place of %s", show(got), show(m))
		}
	}
	if err := ws.Close(frame.Normal, "done"); err != nil {
		return err
	}
	return c.ended(ctx, name, 1000, "done")
}

func (c *carried) echo(ctx context.Context) error {
	return c.echoes(ctx, "echo", nil, frame.Text("grüße, 世界 🌊"), frame.Text(""), frame.Binary(everyByte()))
}

func (c *carried) mib(ctx context.Context) error {
	return c.echoes(ctx, "mib", nil, frame.Binary(noise(1<<20)))
}

func (c *carried) deflate(ctx context.Context) error {
	return c.echoes(ctx, "deflate", &sockets.Options{Compression: &pipeline.Compression{}}, frame.Text(prose(300<<10)))
}

func (c *carried) ping(ctx context.Context) error {
	ws, _, _, err := c.open(ctx, "ping", nil)
	if err != nil {
		return err
	}
	defer ws.Close(frame.Normal, "")
	_, err = ws.Ping(ctx)
	return err
}

func (c *carried) closes(ctx context.Context) error {
	ws, _, _, err := c.open(ctx, "closes", nil)
	if err != nil {
		return err
	}
	if err := ws.Close(4001, "enough"); err != nil {
		return err
	}
	<-ws.Done()
	if end := ws.Closed(); end.Code != 4001 || !end.Clean {
		return errors.New(show(end))
	}
	return c.ended(ctx, "closes", 4001, "enough")
}

func (c *carried) closed(ctx context.Context) error {
	ws, _, _, err := c.open(ctx, "closed", nil)
	if err != nil {
		return err
	}
	if err := ws.SendText(ctx, "close 4002 bye"); err != nil {
		return err
	}
	if _, err := ws.Receive(ctx); sockets.CloseCode(err) != 4002 {
		return err
	}
	return c.ended(ctx, "closed", 4002, "bye")
}

// ended asks the server how a WebSocket has ended.
func (c *carried) ended(ctx context.Context, name string, code int, reason string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d/ended?name=%s", c.server.Plain, name), nil)
	if err != nil {
		return err
	}
	r.Close = true
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	var end struct {
		Code   int
		Reason string
		Clean  bool
	}
	if err := json.NewDecoder(response.Body).Decode(&end); err != nil {
		return err
	}
	if end.Code != code || end.Reason != reason || !end.Clean {
		return fmt.Errorf("the server sees %+v", end)
	}
	return nil
}

// many opens 20 at once, and notes how many connections the server had of them.
func (c *carried) many(ctx context.Context) error {
	const n = 20
	var all sync.WaitGroup
	var mu sync.Mutex
	var failed error
	var by []string
	for i := range n {
		all.Go(func() {
			ws, _, remote, err := c.open(ctx, "many"+strconv.Itoa(i), nil)
			if err == nil {
				defer ws.Close(frame.Normal, "")
				err = ws.SendText(ctx, strconv.Itoa(i))
			}
			if err == nil {
				var got string
				if got, err = ws.ReceiveText(ctx); err == nil && got != strconv.Itoa(i) {
					err = fmt.Errorf("%q in place of %d", got, i)
				}
			}
			mu.Lock()
			defer mu.Unlock()
			failed = errors.Join(failed, err)
			if !slices.Contains(by, remote) {
				by = append(by, remote)
			}
		})
	}
	all.Wait()
	if failed == nil {
		c.note(fmt.Sprintf("20 at once came to the server by %d connections", len(by)))
	}
	return failed
}

func (c *carried) drain(ctx context.Context) error {
	ws, _, _, err := c.open(ctx, "last", nil)
	if err != nil {
		return err
	}
	c.server.child.signal(syscall.SIGTERM)
	if _, err := ws.Receive(ctx); sockets.CloseCode(err) != frame.GoingAway {
		return err
	}
	return c.server.drained(ctx)
}
