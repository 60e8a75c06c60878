package main

import (
	"context"
	"errors"
	"io"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/sockets"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func testRun(t *testing.T) *run {
	r := &run{out: io.Discard, dir: t.TempDir()}
	var err error
	r.authority, err = newAuthority(r.dir)
	require.NoError(t, err)
	r.system = actor.NewActorSystem(actor.WithLoggerFactory(sockets.Quiet))
	t.Cleanup(r.system.Shutdown)
	return r
}

// TestMatrix plays every case with the peers that need nothing but Go.
func TestMatrix(t *testing.T) {
	r := testRun(t)
	r.peers.chosen = []string{"gorilla", "coder"}
	m := r.matrix(t.Context())
	require.Len(t, m.rows, 4)
	for _, row := range m.rows {
		assert.Len(t, row.cells, len(cases), row.name+" "+row.skipped)
		for name, c := range row.cells {
			assert.NoError(t, c.err, row.name+": "+name)
			assert.True(t, c.ok, row.name+": "+name)
		}
	}
}

// TestCellFails checks that a cell is bad when any one of its accounts is: ours,
// the peer's or the wire's.
func TestCellFails(t *testing.T) {
	r, ctx := testRun(t), t.Context() // the peer outlives a case
	argv, err := peerNamed("gorilla").ready(ctx, func(string) {})
	require.NoError(t, err)
	for _, role := range []string{"client", "server"} {
		v := &visitor{run: r, role: role, argv: argv, dir: folder("gorilla")}
		t.Cleanup(v.leave)
		for _, c := range []struct {
			name, want string
			spoil      func(*Case)
		}{
			{"good", "", func(*Case) {}},
			{"another message", "the peer got", func(c *Case) { c.seen = []string{"text 1"} }},
			{"another code", "the peer got Close", func(c *Case) { c.code = 4002 }},
			{"another reason", "the peer got Close", func(c *Case) { c.code, c.reason = 4001, "no" }},
			{"another wire", "so the wire says", func(c *Case) { c.wire = func(*wire) error { return errors.New("so the wire says") } }},
			{"no subprotocol", "subprotocol", func(c *Case) { c.options.Subprotocols = []string{"chat.v3"} }},
			{"another end", "in place of closed 1000", func(c *Case) {
				c.run = func(ctx context.Context, t *talk) error {
					if err := closeTo().run(ctx, t); err != nil {
						return err
					}
					t.events <- &sockets.Closed{}
					return t.wantClosed(ctx, sockets.Closed{Code: 1000})
				}
			}},
		} {
			t.Run(role+", "+c.name, func(t *testing.T) {
				spoilt := closeTo()
				c.spoil(&spoilt)
				if err := v.try(ctx, &spoilt); c.want == "" {
					assert.NoError(t, err)
				} else {
					assert.ErrorContains(t, err, c.want)
				}
			})
		}
	}
}

func peerNamed(name string) *Peer {
	for i := range peers {
		if peers[i].name == name {
			return &peers[i]
		}
	}
	return nil
}
