package sockets

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Each attempt has a header of its own, for a token that does not last; what fails to be had is a failed
// attempt, whatever way it fails.
func TestReconnectHeader(t *testing.T) {
	for _, kind := range []string{"Reconnecting", "ReconnectActor", "ReconnectActor of a Request"} {
		t.Run(kind, func(t *testing.T) {
			w := newWorld(t, bare)
			tokens := make(chan string, 9)
			addr := w.session(nil, func(ctx context.Context, c *Conn) error {
				tokens <- strings.Join(c.Request().Header["Authorization"], ",") + " " + c.Request().Header.Get("X-Client")
				return frame.Failure(frame.ServiceRestart, "")
			})
			calls := 0
			r := &Reconnect{Backoff: fast, Header: func(ctx context.Context) (http.Header, error) {
				switch calls++; calls {
				case 2:
					return nil, errors.New("no token")
				case 3:
					panic("on purpose")
				}
				return http.Header{"authorization": {fmt.Sprint("token ", calls)}}, nil
			}}
			own := http.Header{"authorization": {"old"}, "X-Client": {"a client"}}
			attempts := make(chan error, 99)
			if kind == "Reconnecting" {
				r.Lost = func(d *Disconnected) { attempts <- d.Err }
				c, err := DialReconnecting(w.url(addr), &DialOptions{System: w.system, Header: own}, r)
				require.NoError(w, err)
				defer c.Close(frame.Normal, "")
			} else {
				h := w.handler()
				u := w.client(h)
				if u.Header = own; kind == "ReconnectActor of a Request" {
					u.Header, u.Request = nil, w.get(w.url(addr))
					u.Request.Header = own
				}
				pid, err := ReconnectActor(w.system, w.url(addr), u, r)
				require.NoError(w, err)
				defer func() {
					w.system.Root.StopFuture(pid).Wait()
					assert.True(w, until(h.toldAll), "the last connection was in any state when it was stopped")
				}()
				go func() {
					for range 3 {
						for {
							if d, ok := h.next().message.(*Disconnected); ok {
								attempts <- d.Err
								break
							}
						}
					}
				}()
			}
			assert.Equal(w, "token 1 a client", <-tokens)
			assert.Error(w, <-attempts)
			assert.ErrorContains(w, <-attempts, "header: no token")
			assert.ErrorContains(w, <-attempts, "header: panic: on purpose")
			assert.Equal(w, "token 4 a client", <-tokens)
			assert.Equal(w, http.Header{"authorization": {"old"}, "X-Client": {"a client"}}, own)
		})
	}
}

// Each attempt may have an address of its own, with a ticket that is good once.
func TestReconnectAddress(t *testing.T) {
	for _, kind := range []string{"Reconnecting", "ReconnectActor"} {
		t.Run(kind, func(t *testing.T) {
			w := newWorld(t, bare)
			tickets := make(chan string, 9)
			addr := w.session(nil, func(ctx context.Context, c *Conn) error {
				tickets <- c.Request().URL.RawQuery
				return frame.Failure(frame.ServiceRestart, "")
			})
			calls := 0
			r := &Reconnect{Backoff: fast, Address: func(ctx context.Context) (string, error) {
				switch calls++; calls {
				case 2:
					return "", errors.New("no ticket")
				case 3:
					return "nowhere", nil
				case 4:
					panic("on purpose")
				}
				return fmt.Sprint(w.url(addr), "?ticket=", calls), nil
			}}
			if kind == "Reconnecting" {
				c, err := DialReconnecting("ws://127.0.0.1:1/", &DialOptions{System: w.system}, r)
				require.NoError(w, err)
				defer c.Close(frame.Normal, "")
			} else {
				h := w.handler()
				pid, err := ReconnectActor(w.system, "ws://127.0.0.1:1/", w.client(h), r)
				require.NoError(w, err)
				defer func() {
					w.system.Root.StopFuture(pid).Wait()
					assert.True(w, until(h.toldAll))
				}()
			}
			assert.Equal(w, "ticket=1", <-tickets)
			assert.Equal(w, "ticket=5", <-tickets)
		})
	}
}

// toldAll reports whether h was told Closed of each connection that it was told Upgraded of, and of
// the end of the actor that made them.
func (h *handler) toldAll() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	open, final := 0, false
	for _, m := range h.all {
		switch m := m.message.(type) {
		case *Upgraded:
			open++
		case *Closed:
			open--
		case *Disconnected:
			final = final || m.Final
		}
	}
	return open == 0 && final
}
