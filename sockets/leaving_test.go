package sockets

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"testing"
	"time"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// leavings are how code of the program's that was called may fail to return.
var leavings = map[string]func(){
	"panics": func() { panic("on purpose") },
	"exits":  runtime.Goexit,
}

const left = "on purpose|Goexit"

type jarThat struct{ cookies, setCookies func() }

func (j jarThat) Cookies(*url.URL) []*http.Cookie     { j.cookies(); return nil }
func (j jarThat) SetCookies(*url.URL, []*http.Cookie) { j.setCookies() }

// A dial fails at once where code of the program's does not return, and lets go of its socket.
func TestDialWhoseCallbacksLeave(t *testing.T) {
	nothing := func() {}
	for does, leave := range leavings {
		for at, spoil := range map[string]func(d *Dialer, o *Options){
			"NetDial": func(d *Dialer, _ *Options) {
				d.NetDial = func(context.Context, string, string) (net.Conn, error) { leave(); return nil, nil }
			},
			"Proxy": func(d *Dialer, _ *Options) {
				d.Proxy = func(*http.Request) (*url.URL, error) { leave(); return nil, nil }
			},
			"Cookies":    func(d *Dialer, _ *Options) { d.Jar = jarThat{leave, nothing} },
			"SetCookies": func(d *Dialer, _ *Options) { d.Jar = jarThat{nothing, leave} },
			"VerifyPeerCertificate": func(d *Dialer, _ *Options) {
				d.TLS.VerifyPeerCertificate = func([][]byte, [][]*x509.Certificate) error { leave(); return nil }
			},
			"VerifyConnection": func(d *Dialer, _ *Options) {
				d.TLS.VerifyConnection = func(tls.ConnectionState) error { leave(); return nil }
			},
			"Offer": func(_ *Dialer, o *Options) {
				o.Extensions = []pipeline.Extension{{
					Name: "x", Offer: func() []pipeline.Params { leave(); return nil },
					Agree: func(pipeline.Params) (pipeline.Stage, error) { return nil, nil },
				}}
			},
		} {
			t.Run(at+" "+does, func(t *testing.T) {
				w := newWorld(t, settings[1])
				addr := w.session(nil, echoes)
				var dialled []net.Conn // so that nothing but a Close closes them
				d, o := Dialer{TLS: clientTLS()}, Options{Observers: []*Observer{w.pairs.observer()}}
				d.NetDial = func(ctx context.Context, network, addr string) (net.Conn, error) {
					nc, err := new(net.Dialer).DialContext(ctx, network, addr)
					dialled = append(dialled, nc)
					return nc, err
				}
				spoil(&d, &o)
				failed := make(chan error, 1)
				go func() {
					_, err := Dial(w.within(), w.url(addr), &DialOptions{Dialer: d, Options: &o, System: w.system})
					failed <- err
				}()
				select {
				case err := <-failed:
					require.Error(w, err)
					assert.Regexp(w, left, err.Error())
				case <-time.After(testTimeout / 2):
					require.FailNow(w, "Dial hangs")
				}
				for _, nc := range dialled {
					assert.ErrorIs(w, nc.SetDeadline(time.Time{}), net.ErrClosed)
				}
			})
		}
	}
}

// An HTTP client's actor answers with an error.
func TestConnectWhoseCallbacksLeave(t *testing.T) {
	for does, leave := range leavings {
		for at, spoil := range map[string]func(r *http.Request) *Dialer{
			"Cookies":    func(*http.Request) *Dialer { return &Dialer{Jar: jarThat{leave, func() {}}} },
			"SetCookies": func(*http.Request) *Dialer { return &Dialer{Jar: jarThat{func() {}, leave}} },
			"body": func(r *http.Request) *Dialer {
				r.Method, r.ContentLength = "POST", 1
				r.Body = io.NopCloser(readerFunc(func([]byte) (int, error) { leave(); return 0, io.EOF }))
				return nil
			},
		} {
			t.Run(at+" "+does, func(t *testing.T) {
				w := newWorld(t, bare)
				addr := w.dropIn(site())
				r := w.get("http://a.example/")
				conn, err := Connect(t.Context(), w.system, w.url(addr), spoil(r))
				require.NoError(t, err)
				err, failed := w.ask(conn, r).(error)
				require.True(t, failed)
				assert.Regexp(t, left, err.Error())
				w.ended(conn)
			})
		}
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// A client that comes back goes on after an attempt whose Header does not return.
func TestHeaderLeaves(t *testing.T) {
	for does, leave := range leavings {
		policy := func() *Reconnect {
			first := true
			return &Reconnect{
				Backoff: Backoff{Floor: time.Millisecond, First: time.Millisecond},
				Header: func(context.Context) (http.Header, error) {
					if first {
						first = false
						leave()
					}
					return nil, nil
				},
			}
		}
		t.Run(does+", actor", func(t *testing.T) {
			w := newWorld(t, bare)
			h := w.handler()
			pid, err := ReconnectActor(w.system, w.url(w.session(nil, echoes)), w.client(h), policy())
			require.NoError(t, err)
			assert.Regexp(t, left, expect[*Disconnected](h).Error())
			expect[*Upgraded](h)
			w.system.Root.Send(pid, frame.Close(frame.Normal, ""))
			expect[*Closed](h)
			assert.True(t, expect[*Disconnected](h).Final)
		})
		t.Run(does, func(t *testing.T) {
			w := newWorld(t, bare)
			lost := make(chan *Disconnected, 9)
			r := policy()
			r.Lost = func(d *Disconnected) { lost <- d }
			c, err := DialReconnecting(w.url(w.session(nil, echoes)), &DialOptions{System: w.system}, r)
			require.NoError(t, err)
			assert.Regexp(t, left, (<-lost).Error())
			require.NoError(t, c.SendText(w.within(), "hello"))
			c.Close(frame.Normal, "")
		})
	}
}

// A Final that does not return is for good, and its client ends.
func TestFinalLeaves(t *testing.T) {
	for does, leave := range leavings {
		policy := &Reconnect{Final: func(*Disconnected) bool { leave(); return false }}
		t.Run(does+", actor", func(t *testing.T) {
			w := newWorld(t, bare)
			h := w.handler()
			pid, err := ReconnectActor(w.system, "ws://127.0.0.1:1", w.client(h), policy)
			require.NoError(t, err)
			d := expect[*Disconnected](h)
			assert.True(t, d.Final)
			assert.Regexp(t, left, d.Error())
			gone(w, pid)
		})
		t.Run(does, func(t *testing.T) {
			w := newWorld(t, bare)
			lost := make(chan *Disconnected, 9)
			r := *policy
			r.Lost = func(d *Disconnected) { lost <- d }
			c, err := DialReconnecting("ws://127.0.0.1:1", &DialOptions{System: w.system}, &r)
			require.NoError(t, err)
			<-c.Done()
			assert.Regexp(t, left, c.Closed().Error())
			assert.Same(t, c.Closed(), <-lost)
		})
	}
}
