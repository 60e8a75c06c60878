package actors

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Whoever comes is let in or not, and gives the place back in the end.
func TestAdmission(t *testing.T) {
	for _, tt := range []struct {
		name         string
		total, perIP int
		comes        []string
		in           []bool
	}{
		{"no cap", 0, 0, []string{"10.0.0.1", "10.0.0.1", "10.0.0.1"}, []bool{true, true, true}},
		{"in total", 2, 0, []string{"10.0.0.1", "10.0.0.2", "10.0.0.3"}, []bool{true, true, false}},
		{"of one address", 0, 2, []string{"10.0.0.1", "10.0.0.1", "10.0.0.1", "10.0.0.2"}, []bool{true, true, false, true}},
		{"both", 3, 2, []string{"10.0.0.1", "10.0.0.1", "10.0.0.1", "10.0.0.2", "10.0.0.3"}, []bool{true, true, false, true, false}},
		{"who is refused takes nothing", 2, 1, []string{"10.0.0.1", "10.0.0.1", "10.0.0.1", "10.0.0.2"}, []bool{true, false, false, true}},
		{"IPv4 as IPv6", 0, 1, []string{"10.0.0.1", "::ffff:10.0.0.1", "::ffff:10.0.0.2"}, []bool{true, false, true}},
		{"an IPv6 network", 0, 1, []string{"2001:db8:0:1::1", "2001:db8:0:1:ffff::2", "2001:db8:0:2::1"}, []bool{true, false, true}},
		{"the local link is many networks", 0, 1, []string{"fe80::1%eth0", "fe80::2%eth0", "fe80::1%eth0"}, []bool{true, true, false}},
		{"no address at all", 0, 1, []string{"", ""}, []bool{true, false}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := new(Group)
			for range 2 { // given back, all are there again
				var leave []func()
				for i, s := range tt.comes {
					ip, _ := netip.ParseAddr(s)
					f, ok := g.Admit(ip, tt.total, tt.perIP)
					assert.Equal(t, tt.in[i], ok, "%d: %s", i, s)
					assert.Equal(t, ok, f != nil)
					if ok {
						leave = append(leave, f)
					}
				}
				assert.Equal(t, len(leave), g.admitted.total)
				for _, f := range leave {
					f()
				}
				assert.Zero(t, g.admitted.total)
				assert.Empty(t, g.admitted.byIP, "an address that has gone takes no memory")
			}
		})
	}
}

// From many goroutines the caps hold, and everything comes back.
func TestAdmissionConcurrently(t *testing.T) {
	const total, perIP = 20, 6
	g := new(Group)
	var all sync.WaitGroup
	var inside atomic.Int32
	var from [5]atomic.Int32
	for worker := range 8 {
		all.Go(func() {
			random := rand.New(rand.NewPCG(uint64(worker), 0))
			var leave []func()
			for range 2000 {
				if n := len(leave); n > 0 && random.IntN(2) == 0 {
					leave[n-1]()
					leave = leave[:n-1]
					continue
				}
				who := random.IntN(len(from))
				f, ok := g.Admit(netip.MustParseAddr(fmt.Sprintf("10.0.0.%d", who)), total, perIP)
				if !ok {
					continue
				}
				if inside.Add(1) > total || from[who].Add(1) > perIP {
					assert.Fail(t, "over a cap")
				}
				leave = append(leave, func() {
					inside.Add(-1)
					from[who].Add(-1)
					f()
				})
			}
			for _, f := range leave {
				f()
			}
		})
	}
	all.Wait()
	require.Zero(t, g.admitted.total)
	require.Empty(t, g.admitted.byIP)
}

// A plan that comes to nothing, because the connection cannot be hijacked, gives its ticket back:
// also where a listener was asked, and an actor has taken the place of the exchange.
func TestPlanIsAborted(t *testing.T) {
	for _, asked := range []bool{true, false} {
		w := newWorld(t, onPoller)
		g, back := new(Group), make(chan struct{})
		leave, ok := g.Admit(netip.MustParseAddr("10.0.0.1"), 1, 1)
		require.True(t, ok)
		plan := w.plan(w.handler())
		plan.Life = onSettled(func() { leave(); close(back) })
		u := upgrader(func(*Exchange) (*Plan, *http.Response) { return plan, nil })
		ex := &Exchange{Upgrader: u}
		var sender *actor.PID
		if asked {
			ex = &Exchange{Listener: w.listener(func(ctx actor.Context, _ *http.Request) {
				sender = ctx.Sender()
				ctx.Respond(u)
			})}
		}
		require.Equal(t, 500, w.exchange(newDesk(), t.Context(), ex).StatusCode)
		await(t, back, "the ticket")
		assert.Zero(t, g.admitted.total)
		if asked {
			w.gone(sender)
		}
	}
}
