package actors

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var restart = &pipeline.Leave{Code: frame.ServiceRestart, Reason: "back soon"}

// drain runs a Drain beside the test.
func (w *world) drain(ctx context.Context, g *Group, batch int, every time.Duration) <-chan Drained {
	done := make(chan Drained, 1)
	go func() { done <- w.rt.Drain(ctx, g, restart, batch, every) }()
	return done
}

// crowd is many connections over fakes, in a group of their own.
type crowd struct {
	*world
	*handler
	group Group
	plan  *Plan
	wires []*fake
}

func (w *world) crowd(n int) *crowd {
	c := &crowd{world: w, handler: w.handler()}
	c.plan = w.plan(c.handler)
	c.plan.Group = &c.group
	for range n {
		c.join()
	}
	return c
}

func (c *crowd) join() {
	_, f := c.startFake(c.plan)
	c.wires = append(c.wires, f)
}

// asked is how many have been sent a Close.
func (c *crowd) asked() (n int) {
	synctest.Wait()
	for _, f := range c.wires {
		if f.written() != "" {
			n++
		}
	}
	return n
}

// answer lets peers that were sent a Close answer it, until n have.
func (c *crowd) answer(n int) {
	for _, f := range c.wires {
		if n > 0 && f.written() != "" && !f.eof {
			f.goodbye()
			n--
		}
	}
	synctest.Wait()
}

func TestDrainInBatches(t *testing.T) {
	virtually(t, func(w *world) {
		c := w.crowd(1000)
		done := w.drain(context.Background(), &c.group, 300, 2*time.Second)
		for i, want := range []int{300, 600, 900, 1000, 1000} {
			require.Equal(w, want, c.asked(), "at %d s", 2*i) // those that have left too
			c.answer(want)
			require.Equal(w, 1000-want, c.group.Len())
			time.Sleep(2 * time.Second)
		}
		require.Equal(w, Drained{Asked: 1000}, <-done)
		for range 1000 {
			end := c.closed()
			require.Equal(w, pipeline.Closed{Code: frame.ServiceRestart, Reason: "back soon", Clean: true, By: pipeline.Local}, *end)
		}
	})
}

// Nobody is waited for who is not there.
func TestDrainOfNobody(t *testing.T) {
	virtually(t, func(w *world) {
		var g Group
		require.Equal(w, Drained{}, <-w.drain(context.Background(), &g, 10, time.Second))
		// All have left before it is the turn of the last.
		c := w.crowd(10)
		done := w.drain(context.Background(), &c.group, 1, time.Hour)
		synctest.Wait()
		for _, f := range c.wires {
			f.ends()
		}
		began := time.Now()
		require.Equal(w, Drained{Asked: 10}, <-done)
		require.Zero(w, time.Since(began))
	})
}

// The end of the context cuts those that are left, each with its Closed.
func TestDrainCuts(t *testing.T) {
	for name, batch := range map[string]int{"all asked": 1000, "in the middle of batches": 30} {
		t.Run(name, func(t *testing.T) {
			virtually(t, func(w *world) {
				c := w.crowd(100)
				ctx, cancel := context.WithCancel(context.Background())
				done := w.drain(ctx, &c.group, batch, time.Hour)
				synctest.Wait()
				c.answer(20)
				require.Equal(w, 80, c.group.Len())
				cancel()
				require.Equal(w, Drained{Asked: 100, Cut: 80}, <-done)
				require.Zero(w, c.group.Len())
				clean := 0
				for range 100 {
					end := c.closed()
					if end.Clean {
						clean++
						continue
					}
					require.ErrorIs(w, end.Err, ErrStopped)
				}
				require.Equal(w, 20, clean)
			})
		})
	}
}

// Who joins while the rest is leaving is told at once, is waited for, and is cut
// with the others.
func TestDrainAndLateJoiners(t *testing.T) {
	virtually(t, func(w *world) {
		c := w.crowd(3)
		ctx, cancel := context.WithCancel(context.Background())
		done := w.drain(ctx, &c.group, 10, time.Second)
		synctest.Wait()
		c.join()
		require.Equal(w, 4, c.asked())
		c.answer(4)
		require.Equal(w, Drained{Asked: 3}, <-done)
		c.join() // when all is over
		require.Equal(w, 5, c.asked())
		c.answer(1)

		stay := w.crowd(3)
		done = w.drain(ctx, &stay.group, 10, time.Second)
		synctest.Wait()
		stay.join()
		require.Equal(w, 4, stay.asked())
		cancel()
		require.Equal(w, Drained{Asked: 3, Cut: 4}, <-done)
		stay.join() // too late for anything
		synctest.Wait()
		require.Zero(w, stay.group.Len())
	})
}

// Two drains of one group both end.
func TestDrainTwice(t *testing.T) {
	virtually(t, func(w *world) {
		c := w.crowd(10)
		patient := w.drain(context.Background(), &c.group, 10, time.Second)
		synctest.Wait()
		ctx, cancel := context.WithCancel(context.Background())
		hasty := w.drain(ctx, &c.group, 10, time.Second)
		synctest.Wait()
		c.answer(4)
		cancel()
		require.Equal(w, Drained{Asked: 10, Cut: 6}, <-hasty)
		require.Equal(w, Drained{Asked: 10, Cut: 6}, <-patient, "whoever cut them")
		require.Equal(w, Drained{}, <-w.drain(context.Background(), &c.group, 10, time.Second))
	})
}

// Connections come and go while the group is drained, over real sockets.
func TestDrainWhileUpgrading(t *testing.T) {
	everywhere(t, func(w *world) {
		h := w.handler()
		var g Group
		plan := w.plan(h)
		plan.Group = &g
		var mu sync.Mutex
		var peers sync.WaitGroup
		started := make(chan struct{}, 1)
		stop := make(chan struct{})
		var joiners sync.WaitGroup
		for range 4 {
			joiners.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					mu.Lock() // the harness is not made for this
					p := w.link(plan)
					mu.Unlock()
					peers.Go(func() {
						if f, err := readFrame(p.in); assert.NoError(w, err) {
							assert.Equal(w, frame.OpClose, f.Opcode)
							p.Conn.Write([]byte(masked(frame.Close(frame.ServiceRestart, ""))))
						}
						p.Close()
					})
					select {
					case started <- struct{}{}:
					default:
					}
				}
			})
		}
		<-started
		w.eventually(func() bool { return g.Len() > 20 }, "a crowd")
		first := w.drain(context.Background(), &g, 7, time.Millisecond)
		w.eventually(func() bool { return told[*pipeline.Closed](h) > 20 }, "leaving")
		close(stop)
		joiners.Wait()
		<-first
		require.Zero(w, w.rt.Drain(context.Background(), &g, restart, 7, time.Millisecond).Cut)
		peers.Wait()
		require.Zero(w, g.Len())
	})
}

func TestDrainOfThousands(t *testing.T) {
	for _, n := range []int{1000, 9000} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			if n > 1000 && (racing || testing.Short()) {
				t.Skip("18,000 descriptors: make test runs this without the race detector")
			}
			w := newWorld(t, onPoller)
			h := w.handler()
			var g Group
			plan := w.plan(h)
			plan.Group = &g
			for range n {
				w.link(plan)
			}
			require.Equal(t, n, g.Len())
			// Every tenth does not answer.
			done := make(chan error)
			for i, p := range w.peers {
				go func() {
					f, err := readFrame(p.in)
					if err == nil && (f.Opcode != frame.OpClose || f.Payload[1] != byte(restart.Code&0xff)) {
						err = errors.New("another frame")
					}
					if i%10 != 0 {
						p.Conn.Write([]byte(masked(frame.Close(frame.ServiceRestart, ""))))
						p.Close()
					}
					done <- err
				}()
			}
			ctx, cancel := context.WithCancel(context.Background())
			drain := w.drain(ctx, &g, n/4, time.Millisecond)
			for range n {
				require.NoError(t, <-done)
			}
			w.eventually(func() bool { return g.Len() == n/10 }, "those that answer have left")
			cancel()
			require.Equal(t, Drained{Asked: n, Cut: n / 10}, <-drain)
			w.eventually(func() bool { return told[*pipeline.Closed](h) == n }, "every Closed")
		})
	}
}
