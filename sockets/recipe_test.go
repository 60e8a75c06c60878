package sockets

import (
	"bufio"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/spindrift-go/spindrift/actors"
	"github.com/spindrift-go/spindrift/actors/answering"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Whoever is upgraded with the same Options has the same recipe, so that a message which
// all are sent is compressed once: by a Handler, by an UpgradeServer for each request, or
// as a client.
func TestRecipeIsShared(t *testing.T) {
	w := newWorld(t, bare)
	h := w.handler()
	o := &Options{Compression: new(pipeline.Compression), MaxFrame: 7}
	shared := func(plan *actors.Plan) *pipeline.Shared {
		core := plan.Core.(*pipeline.Core)
		require.Equal(t, int64(7), core.Codec.MaxFrame)
		return core.Deflate.Shared
	}
	server := func(o *Options) *actors.Plan {
		plan, refused := (&Server{System: w.system}).upgrade(&UpgradeServer{FrameHandler: h.pid, Options: o}, nil).Upgrade(&actors.Exchange{Answer: answering.Answer{
			Request: w.request("Sec-WebSocket-Extensions: permessage-deflate"),
			Writer:  httptest.NewRecorder(),
		}})
		require.Nil(t, refused)
		return plan
	}
	first := server(o)
	for range 3 {
		again := server(o)
		assert.Same(t, shared(first), shared(again))
		assert.Same(t, first.Limits, again.Limits)
	}
	copied := *o
	assert.NotSame(t, shared(first), shared(server(&copied)))

	u := &UpgradeClient{FrameHandler: h.pid, Options: o}
	assert.Same(t, o.recipe(), u.Options.recipe())
	core := o.recipe().coreOf(true, false, &pipeline.Agreed{List: []string{"permessage-deflate"}, Deflate: new(pipeline.DeflateParams)}).(*pipeline.Core)
	assert.Same(t, shared(first), core.Deflate.Shared)
	assert.True(t, core.Deflate.Client)
}

// A recipe lives as long as its Options.
func TestRecipeGoesWithItsOptions(t *testing.T) {
	before := count(&recipes)
	for range 10 {
		new(Options).recipe()
	}
	require.True(t, until(func() bool { runtime.GC(); return count(&recipes) <= before }), "recipes are left")
}

func count(m interface{ Range(func(k, v any) bool) }) (n int) {
	m.Range(func(any, any) bool { n++; return true })
	return n
}

// request is a valid handshake as net/http hands it over.
func (w *world) request(lines ...string) *http.Request {
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(handshake("a.example", lines...))))
	require.NoError(w, err)
	r.RemoteAddr = "192.0.2.1:1234"
	return r
}
