package sockets

import (
	"context"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Each use of a Message in each state returns, and says what is wrong if something is.
func TestMessageMisuseInEachState(t *testing.T) {
	const long = 30_000
	over, cancel := context.WithCancel(context.Background())
	cancel()
	var nobody context.Context
	readAll := func(m *Message) error { _, err := io.Copy(io.Discard, m.Reader()); return err }
	const discarded, unfinished = "was discarded", "was not finished"
	for state, s := range map[string]struct {
		begin         func(p *peer, m *Message)
		read, collect string // what is wrong; "": nothing
	}{
		"whole":     {func(p *peer, m *Message) { p.send(masked(frame.Fragment(frame.OpContinuation, true, nil))) }, "", ""},
		"read":      {func(p *peer, m *Message) { p.send(masked(frame.Fragment(frame.OpContinuation, true, nil))); readAll(m) }, "", ""},
		"discarded": {func(p *peer, m *Message) { m.Discard(); m.Discard() }, discarded, discarded},
		"kept": {func(p *peer, m *Message) {
			p.send(masked(frame.Fragment(frame.OpContinuation, true, nil)))
			m.Keep().Keep()
		}, "", ""},
		"its peer left":   {func(p *peer, m *Message) { p.half() }, unfinished, unfinished},
		"collected":       {func(p *peer, m *Message) { m.Collect(context.Background(), 1) }, discarded, discarded},
		"its context had": {func(p *peer, m *Message) { m.Reader().Read(make([]byte, long)); m.Collect(over, 0) }, discarded, discarded},
	} {
		for use, do := range map[string]func(m *Message) (want string, err error){
			"Reader":  func(m *Message) (string, error) { return s.read, readAll(m) },
			"Readers": func(m *Message) (string, error) { go readAll(m); return s.read, readAll(m) },
			"Collect": func(m *Message) (string, error) {
				_, err := m.Collect(context.Background(), 0)
				return s.collect, err
			},
			"Collect without a context": func(m *Message) (string, error) { _, err := m.Collect(nobody, 0); return "nil context", err },
			"Discard": func(m *Message) (string, error) {
				var all sync.WaitGroup
				for range 3 {
					all.Go(m.Discard)
					all.Go(func() { readAll(m) })
					all.Go(func() { m.Op(); m.Keep() })
				}
				all.Wait()
				return "was discarded|was not finished|^EOF$", readAll(m)
			},
		} {
			t.Run(state+", "+use, func(t *testing.T) {
				w := newWorld(t, bare)
				got := make(chan *Message, 1)
				h := w.handler(func(ctx actor.Context) {
					if m, ok := ctx.Message().(*Message); ok {
						got <- m.Keep()
					}
				})
				p := w.upgrade(w.websocket(&UpgradeServer{FrameHandler: h.pid, Options: &Options{StreamOver: 1000, CloseTimeout: 5 * soon}}))
				p.send(masked(frame.Fragment(frame.OpText, false, []byte(strings.Repeat("x", long)))))
				m := <-got
				s.begin(p, m)
				done := make(chan struct{})
				go func() {
					defer close(done)
					if want, err := do(m); want == "" {
						assert.NoError(w, err)
					} else if use != "Discard" {
						assert.ErrorContains(w, err, want)
					} else if err != nil {
						assert.Regexp(w, want, err.Error())
					}
				}()
				select {
				case <-done:
				case <-time.After(testTimeout):
					require.Fail(w, "it hangs")
				}
				m.Discard()
				p.Close()
				h.untilClosed()
			})
		}
	}
}
