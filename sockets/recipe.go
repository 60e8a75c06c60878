package sockets

import (
	"runtime"
	"sync"
	"weak"

	"github.com/spindrift-go/spindrift/actors"
	"github.com/spindrift-go/spindrift/pipeline"
)

// recipe is what the connections of one Options have in common: the stages' recipes,
// the limits, and the message that all of them were sent last, compressed.
type recipe struct {
	Options                // as they were at first use
	top      pipeline.Part // without extra stages
	server   pipeline.Part // the core of a server's connections, without compression
	client   pipeline.Part // and of a client's
	limits   *actors.Limits
	deflated pipeline.Shared
}

func newRecipe(o *Options) *recipe {
	return &recipe{
		Options: *o,
		top:     o.top(nil),
		server:  o.core(false, nil, nil),
		client:  o.core(true, nil, nil),
		limits:  o.limits(),
	}
}

// usual is the recipe of connections with nothing special to them.
var usual = sync.OnceValue(func() *recipe { return newRecipe(new(Options)) })

// recipes has the recipe of each Options that was used and is still there: it goes
// when they do.
var recipes sync.Map // weak.Pointer[Options] to *recipe

// recipe returns what o is turned into, once.
func (o *Options) recipe() *recipe {
	if o == nil {
		return usual()
	}
	key := weak.Make(o)
	if r, ok := recipes.Load(key); ok {
		return r.(*recipe)
	}
	r, loaded := recipes.LoadOrStore(key, newRecipe(o))
	if !loaded {
		runtime.AddCleanup(o, func(key weak.Pointer[Options]) { recipes.Delete(key) }, key)
	}
	return r.(*recipe)
}

func (r *recipe) topOf(extra []pipeline.Stage) pipeline.Part {
	if len(extra) == 0 {
		return r.top
	}
	return r.Options.top(extra)
}

// coreOf returns the core of a connection, for which params were agreed on; nil: no
// compression.
func (r *recipe) coreOf(client bool, params *pipeline.DeflateParams) pipeline.Part {
	switch {
	case params != nil:
		return r.core(client, params, &r.deflated)
	case client:
		return r.client
	}
	return r.server
}
