package sockets

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A handler or stages that cannot be made, because code of the program's panics, are a 500
// and not an end without a word.
func TestUpgradeThatCannotBeMade(t *testing.T) {
	broken := actor.PropsFromProducer(func() actor.Actor { panic("no handler") })
	fine := actor.PropsFromFunc(func(actor.Context) {})
	for name, u := range map[string]*UpgradeServer{
		"producer": {Spawn: broken},
		"stage": {Spawn: fine, Stages: []pipeline.Stage{func(_, _ pipeline.Sink) (pipeline.Sink, pipeline.Sink) {
			panic("no stage")
		}}},
	} {
		everywhere(t, func(w *world) {
			for _, host := range hosts {
				w.in(name+"/"+host.name, func(w *world) {
					addr := host.start(w, u)
					p := w.dial(addr)
					p.send(handshake(addr))
					r, err := http.ReadResponse(p.in, nil)
					require.NoError(w, err)
					assert.Equal(w, http.StatusInternalServerError, r.StatusCode)
					body, err := io.ReadAll(r.Body)
					require.NoError(w, err)
					assert.Equal(w, "upgrade failed\n", string(body))
					assert.True(w, r.Close)
				})
			}
		})
	}
}

// A client of ours is told, and so is one whose own handler cannot be made.
func TestDialWhatCannotBeMade(t *testing.T) {
	w := newWorld(t, bare)
	broken := actor.PropsFromProducer(func() actor.Actor { panic("no handler") })
	u := w.client(w.handler())
	_, err := DialActor(t.Context(), w.system, w.url(w.websocket(&UpgradeServer{Spawn: broken})), u)
	var e *HandshakeError
	require.ErrorAs(t, err, &e)
	assert.Equal(t, 500, e.Status)

	h := w.handler()
	u.FrameHandler, u.Spawn = nil, broken
	_, err = DialActor(t.Context(), w.system, w.url(w.websocket(&UpgradeServer{FrameHandler: h.pid})), u)
	require.ErrorContains(t, err, "upgrade failed")
	assert.False(t, strings.Contains(err.Error(), "\n"))
	h.upgraded()
	expect[*Closed](h)
}
