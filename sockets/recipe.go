package sockets

import (
	"runtime"
	"sync"
	"weak"

	"github.com/spindrift-go/spindrift/actors"
	"github.com/spindrift-go/spindrift/pipeline"
)

// recipe is what the connections of one Options have in common: the stages' recipes,
// the limits, and the messages that all of them were sent last, compressed.
type recipe struct {
	Options                      // as they were at first use, with the defaults
	unset    followers           // these follow MaxMessage
	top      pipeline.Part       // without extra stages
	cores    [2][2]pipeline.Part // without extensions: of a server or a client; of a handler or a Conn
	limits   [2]*actors.Limits   // of a handler or a Conn
	deflated pipeline.Shared
}

// followers are the limits that nobody has set, and that follow MaxMessage therefore.
type followers struct{ frame, fragments bool }

// nothing is what a handshake without extensions has agreed on.
var nothing = new(pipeline.Agreed)

func newRecipe(o *Options) *recipe {
	unset := followers{frame: o.MaxFrame == 0, fragments: o.MaxFragments == 0}
	o = o.inForce()
	r := &recipe{Options: *o, unset: unset, top: o.top(nil), limits: [2]*actors.Limits{o.limits(), o.connLimits()}}
	r.Observers = nil // those of o count: one that knows o would keep it here for ever
	for i := range r.cores {
		r.cores[i][0] = o.core(i == 1, false, nothing, nil)
		if r.cores[i][1] = r.cores[i][0]; o.StreamOver > 0 {
			r.cores[i][1] = o.core(i == 1, true, nothing, nil)
		}
	}
	return r
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

// coreOf returns the core of a connection with the extensions that were agreed on. conn says
// that a Conn is on top.
func (r *recipe) coreOf(client, conn bool, agreed *pipeline.Agreed) pipeline.Part {
	if len(agreed.List) > 0 {
		return r.core(client, conn, agreed, &r.deflated)
	}
	return r.cores[index(client)][index(conn)]
}

func index(of bool) int {
	if of {
		return 1
	}
	return 0
}
