package main

import (
	"context"
	"encoding/hex"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/spindrift-go/spindrift/sockets"
)

// hub knows who watches which connection. A page chooses an id that nobody can guess, opens /spindrift/watch with it, and
// then the connection that is to be watched, both with ?watch=ID: a page is not told of its own WebSocket's frames.
type hub struct {
	system   *actor.ActorSystem
	mu       sync.Mutex
	watchers map[string]*watcher
}

// watcher is told of the frames of a connection. Its methods do nothing on nil.
type watcher struct {
	system    *actor.ActorSystem
	events    chan event
	conn      atomic.Pointer[actor.PID]
	fragments atomic.Int32
}

// event is a frame that a connection has seen, or something that happened to it.
type event struct {
	At      float64 `json:"at"`   // milliseconds since 1970
	What    string  `json:"what"` // open, frame, rtt or closed
	In      bool    `json:"in"`
	Op      string  `json:"op,omitempty"`
	Fin     bool    `json:"fin,omitempty"`
	Size    int     `json:"size"`
	Text    string  `json:"text,omitempty"`
	Hex     string  `json:"hex,omitempty"`
	Code    uint16  `json:"code,omitempty"`
	Reason  string  `json:"reason,omitempty"`
	By      string  `json:"by,omitempty"`
	Clean   bool    `json:"clean,omitempty"`
	Error   string  `json:"error,omitempty"`
	Millis  float64 `json:"ms,omitempty"`
	Skipped int     `json:"skipped,omitempty"` // events before this one that were too many
}

// How much of a payload an event has.
const (
	shownText   = 4096
	shownBinary = 32
)

func (h *hub) watcher(r *http.Request) *watcher {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.watchers[r.URL.Query().Get("watch")]
}

// watch is the WebSocket of a page that watches: events go out, commands come in.
func (h *hub) watch(ctx context.Context, c *sockets.Conn) error {
	id := c.Request().URL.Query().Get("watch")
	w := &watcher{system: h.system, events: make(chan event, 1024)}
	h.mu.Lock()
	if h.watchers == nil {
		h.watchers = map[string]*watcher{}
	}
	_, taken := h.watchers[id]
	if !taken && len(id) >= 16 {
		h.watchers[id] = w
	}
	h.mu.Unlock()
	if taken || len(id) < 16 {
		return frame.Failure(frame.PolicyViolation, "watch wants an id that nobody can guess")
	}
	defer func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.watchers, id)
	}()
	go func() {
		if c.SendJSON(ctx, event{What: "watching"}) != nil {
			return
		}
		for {
			select {
			case e := <-w.events:
				if c.SendJSON(ctx, e) != nil {
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	for {
		var cmd command
		if err := c.ReceiveJSON(ctx, &cmd); err != nil {
			return err
		}
		w.obey(cmd)
	}
}

// command is what a page asks of the server's end of its connection.
type command struct {
	Do        string // ping, close, cut, send or fragments
	Text      string
	Code      frame.Code
	Fragments int32
}

func (w *watcher) obey(cmd command) {
	w.fragments.Store(max(cmd.Fragments, 1))
	conn := w.conn.Load()
	if conn == nil {
		return
	}
	send := func(m any) { w.system.Root.Send(conn, m) }
	switch cmd.Do {
	case "ping":
		send(frame.Ping([]byte(cmd.Text)[:min(len(cmd.Text), 125)]))
	case "close":
		send(frame.Close(cmd.Code, cmd.Text))
	case "cut":
		send(&sockets.Cut{})
	case "send":
		send(frame.Text(cmd.Text))
	}
}

func (w *watcher) pieces() int {
	if w == nil {
		return 1
	}
	return int(w.fragments.Load())
}

// tell never waits: who reads too slowly misses some.
func (w *watcher) tell(e event) {
	e.At = float64(time.Now().UnixMicro()) / 1000
	select {
	case w.events <- e:
	default:
	}
}

// stage shows the frames that pass. Below it a message was put together of its fragments, and a Close is another stage's.
func (w *watcher) stage() pipeline.Stage {
	saw := func(in bool) func(any) {
		return func(item any) {
			f, ok := item.(*frame.Frame)
			if !ok {
				return
			}
			e := event{What: "frame", In: in, Op: f.Opcode.String(), Fin: f.Fin, Size: len(f.Payload)}
			switch {
			case f.Opcode == frame.OpClose:
				code, reason, _ := frame.ParseClose(f.Payload)
				e.Code, e.Reason = uint16(code), reason
			case f.Opcode == frame.OpText:
				e.Text = string(f.Payload[:min(len(f.Payload), shownText)])
			default:
				e.Hex = hex.EncodeToString(f.Payload[:min(len(f.Payload), shownBinary)])
			}
			w.tell(e)
		}
	}
	return pipeline.Tap(saw(true), saw(false))
}

func (w *watcher) connected(conn *actor.PID, u *sockets.Upgraded) {
	if w == nil {
		return
	}
	w.conn.Store(conn)
	w.tell(event{What: "open", Text: u.Subprotocol})
}

func (w *watcher) roundTrip(m *sockets.RoundTripTime) {
	if w != nil {
		w.tell(event{What: "rtt", Hex: hex.EncodeToString(m.Payload), Millis: float64(m.Duration) / 1e6})
	}
}

func (w *watcher) closed(m *sockets.Closed) {
	if w == nil {
		return
	}
	e := event{What: "closed", Code: uint16(m.Code), Reason: m.Reason, By: m.By.String(), Clean: m.Clean}
	if m.Err != nil {
		e.Error = m.Err.Error()
	}
	w.tell(e)
}
