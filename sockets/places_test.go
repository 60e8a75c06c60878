package sockets

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A client that upgrades, uses its credit, resets and comes again meets the cap, and not a
// handler that is late: what waits in mailboxes is never more than that many connections'.
func TestResetsDoNotFreePlaces(t *testing.T) {
	const places, attempts = 10, 60
	for name, caps := range map[string][2]int{"MaxConns": {places, 0}, "MaxConnsPerIP": {0, places}} {
		for _, who := range []string{"shared", "spawned"} {
			t.Run(name+", "+who, func(t *testing.T) {
				sampled(t, func(w *world) {
					open := make(chan struct{})
					opened := 0
					h := w.spawned(func(actor.Context) { <-open })
					u := &UpgradeServer{Spawn: h.props}
					if who == "shared" {
						h.pid = w.system.Root.Spawn(h.props)
						w.Cleanup(func() { w.system.Root.PoisonFuture(h.pid).Wait() })
						u = &UpgradeServer{FrameHandler: h.pid}
					}
					s := &Server{Server: quiet(w.upgrading(u)), System: w.system, MaxConns: caps[0], MaxConnsPerIP: caps[1]}
					addr := w.run(s)
					input := strings.Repeat(masked(frame.Text(strings.Repeat("x", 1000))), 70)
					attack := func() {
						p := w.dial(addr)
						p.send(handshake(addr))
						if p.answer("GET").StatusCode != http.StatusSwitchingProtocols {
							return
						}
						opened++
						io.WriteString(p.Conn, input)
						p.reset()
					}
					for range attempts {
						attack()
					}
					assert.Equal(w, places, opened)
					close(open)
					// When the handlers have worked through that, others may come.
					for late := time.Now().Add(testTimeout); opened <= places; attack() {
						require.True(w, time.Now().Before(late), "no place is free again")
					}
				})
			})
		}
	}
}
