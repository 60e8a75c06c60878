package sockets

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// leavesAt is a stage that does not return when it is given what at says.
func leavesAt(leave func(), at func(item any, down bool) bool) pipeline.Stage {
	return func(up, down pipeline.Sink) (onUp, onDown pipeline.Sink) {
		return func(item any) {
				if at(item, false) {
					leave()
				}
				up(item)
			}, func(item any) {
				if at(item, true) {
					leave()
				}
				down(item)
			}
	}
}

func isA[T any](down bool) func(item any, down bool) bool {
	return func(item any, d bool) bool { _, ok := item.(T); return ok && d == down }
}

// A stage or an observer that does not return ends its connection, exactly once, and no other.
func TestTurnsThatAreLeft(t *testing.T) {
	for does, leave := range leavings {
		for at, spoil := range map[string]func(u *UpgradeServer){
			"stage, made": func(u *UpgradeServer) {
				u.Stages = []pipeline.Stage{func(up, down pipeline.Sink) (pipeline.Sink, pipeline.Sink) { leave(); return up, down }}
			},
			"stage, Start":    func(u *UpgradeServer) { u.Stages = []pipeline.Stage{leavesAt(leave, isA[*pipeline.Start](false))} },
			"stage, Upgraded": func(u *UpgradeServer) { u.Stages = []pipeline.Stage{leavesAt(leave, isA[*Upgraded](false))} },
			"stage, in":       func(u *UpgradeServer) { u.Stages = []pipeline.Stage{leavesAt(leave, isA[*frame.Frame](false))} },
			"stage, out":      func(u *UpgradeServer) { u.Stages = []pipeline.Stage{leavesAt(leave, isA[*frame.Frame](true))} },
			"stage, Closed":   func(u *UpgradeServer) { u.Stages = []pipeline.Stage{leavesAt(leave, isA[*Closed](false))} },
			"stage, always": func(u *UpgradeServer) {
				u.Stages = []pipeline.Stage{leavesAt(leave, func(item any, _ bool) bool { _, start := item.(*pipeline.Start); return !start })}
			},
			"Opened": func(u *UpgradeServer) {
				u.Options.Observers = append(u.Options.Observers, &Observer{Opened: func(*Observed, *http.Request) { leave() }})
			},
			"Traffic": func(u *UpgradeServer) {
				u.Options.Observers = append(u.Options.Observers, &Observer{Traffic: func(*Observed, Traffic) { leave() }})
			},
			"Closed": func(u *UpgradeServer) {
				u.Options.Observers = append(u.Options.Observers, &Observer{Closed: func(*Observed, *Closed) { leave() }})
			},
		} {
			for _, top := range []string{"session", "Accept", "shared", "spawned"} {
				t.Run(strings.Join([]string{at, does, top}, ", "), func(t *testing.T) {
					w := newWorld(t, bare)
					u := w.terms(&UpgradeServer{Options: &Options{CloseTimeout: soon, CreditTimeout: time.Second}})
					spoil(u)
					var route http.Handler
					switch top {
					case "session":
						route = &SessionHandler{Serve: echoes, Options: u.Options, Stages: u.Stages}
					case "Accept":
						u.Stages = nil
						route = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
							if c, err := Accept(rw, r, u.Options); err == nil {
								defer c.Cut()
								echoes(r.Context(), c)
							}
						})
					case "shared":
						h := w.handler(echo)
						h.mortal = true
						u.FrameHandler = h.pid
					case "spawned":
						h := w.spawned(echo)
						h.mortal = true
						u.Spawn = h.props
					}
					if route == nil {
						route = w.upgrading(u)
					}
					s := &Server{System: w.system, Server: quiet(route), MaxConns: 1}
					addr := w.run(s)
					p := w.dial(addr)
					p.send(handshake("a"), masked(frame.Text("hello")), masked(frame.Text("hello")))
					p.send(masked(frame.Close(frame.Normal, "")))
					p.SetReadDeadline(time.Now().Add(testTimeout))
					_, err := io.Copy(io.Discard, p.in)
					nerr, ok := err.(net.Error)
					require.False(w, ok && nerr.Timeout(), "the connection is open")
					require.True(w, until(func() bool { return s.Connections() == 0 }), "it has not ended")
					p.Close()
					require.True(w, until(func() bool { // its handler works through Closed yet
						again := w.dial(addr)
						defer again.Close()
						again.send(handshake("a"))
						return again.answer("GET").StatusCode != http.StatusServiceUnavailable
					}), "its place is not free")
					ctx, cancel := context.WithTimeout(t.Context(), testTimeout/2)
					defer cancel()
					d, err := s.ShutdownResult(ctx)
					assert.NoError(w, err)
					assert.Zero(w, d.Stuck)
				})
			}
		}
	}
}

// An actor is answered, and a client too, where a stage does not return.
func TestDialWhoseStageLeaves(t *testing.T) {
	for does, leave := range leavings {
		for at, stage := range map[string]pipeline.Stage{
			"Start":    leavesAt(leave, isA[*pipeline.Start](false)),
			"Upgraded": leavesAt(leave, isA[*Upgraded](false)),
		} {
			t.Run(at+" "+does, func(t *testing.T) {
				w := newWorld(t, bare)
				addr := w.session(nil, echoes)
				h := w.handler()
				u := w.client(h)
				u.Stages = []pipeline.Stage{stage}
				pid, err := DialActor(w.within(), w.system, w.url(addr), u)
				require.Error(w, err)
				assert.Nil(w, pid)
				h.untilClosed()

				conn, err := Connect(t.Context(), w.system, w.url(addr), nil)
				require.NoError(w, err)
				assert.Implements(w, (*error)(nil), w.ask(conn, u))
				h.untilClosed()
				gone(w, conn)
			})
		}
	}
}

// A Hijack or a Header that does not return is no upgrade under way: no Shutdown waits for it, and its place is free.
func TestWriterLeaves(t *testing.T) {
	for name, leave := range leavings {
		for does, writer := range map[string]func(http.ResponseWriter) http.ResponseWriter{
			"Accept, Hijack":  func(w http.ResponseWriter) http.ResponseWriter { return leavingHijack{w, leave} },
			"Upgrade, Hijack": func(w http.ResponseWriter) http.ResponseWriter { return leavingHijack{w, leave} },
			"Accept, Header": func(w http.ResponseWriter) http.ResponseWriter {
				return &leavingHeader{ResponseWriter: w, leave: leave}
			},
			"Upgrade, Header": func(w http.ResponseWriter) http.ResponseWriter {
				return &leavingHeader{ResponseWriter: w, leave: leave}
			},
		} {
			t.Run(does+" "+name, func(t *testing.T) {
				w := newWorld(t, bare)
				h := w.handler()
				u := w.terms(&UpgradeServer{FrameHandler: h.pid})
				s := &Server{System: w.system, MaxConns: 1, Server: quiet(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
					rw = writer(rw)
					if strings.HasPrefix(does, "Accept") {
						Accept(rw, r, u.Options)
					} else {
						Upgrade(w.system, rw, r, u)
					}
				}))}
				addr := w.run(s)
				for range 2 {
					p := w.dial(addr)
					p.send(handshake("a"))
					io.Copy(io.Discard, p.in)
					p.Close()
				}
				ctx, cancel := context.WithTimeout(t.Context(), testTimeout/2)
				defer cancel()
				assert.Zero(w, s.Connections())
				d, err := s.ShutdownResult(ctx)
				assert.NoError(w, err)
				assert.Zero(w, d)
				_, free := s.upgraded.group.Admit(netip.Addr{}, s.MaxConns, 0)
				assert.True(w, free, "a place")
			})
		}
	}
}

type leavingHijack struct {
	http.ResponseWriter
	leave func()
}

func (l leavingHijack) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	l.leave()
	return nil, nil, nil
}

// leavingHeader leaves once.
type leavingHeader struct {
	http.ResponseWriter
	leave func()
	left  bool
}

func (l *leavingHeader) Unwrap() http.ResponseWriter { return l.ResponseWriter }

func (l *leavingHeader) Header() http.Header {
	if !l.left {
		l.left = true
		l.leave()
	}
	return l.ResponseWriter.Header()
}
