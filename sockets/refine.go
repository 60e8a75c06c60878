package sockets

import (
	"context"
	"net/http"
	"reflect"
	"runtime"
	"sync"
	"weak"
)

// WithOptions returns a handler that serves requests as h does, and whose WebSockets have the
// Options o where those of the route leave a field at its zero value: what many routes have in
// common is said once, and refined by some. So does Server.Options for a whole server; what is
// further inside counts. A number is set back to no limit by a negative one, and what is true
// outside is not false inside. It panics if h is nil.
func WithOptions(o *Options, h http.Handler) http.Handler {
	if h == nil {
		panic("sockets: WithOptions of a nil handler")
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		h.ServeHTTP(w, r.WithContext(context.WithValue(ctx, optionsKey{}, o.over(installed(ctx, infoOf(ctx))))))
	})
}

type optionsKey struct{}

// installed is what the route of a request with ctx refines, by a connection of p's; nil: the
// defaults.
func installed(ctx context.Context, p *connInfo) *Options {
	if o, ok := ctx.Value(optionsKey{}).(*Options); ok {
		return o
	}
	if p != nil {
		return p.upgraded.options
	}
	return nil
}

// refined is Options and what they refine.
type refined struct{ options, base weak.Pointer[Options] }

// refinements has what became of each pair that was used, as long as both are there.
var refinements sync.Map // refined to *Options

// over returns base refined by o, the same for each pair. Either may be nil.
func (o *Options) over(base *Options) *Options {
	switch {
	case o == nil:
		return base
	case base == nil || base == o:
		return o
	}
	key := refined{weak.Make(o), weak.Make(base)}
	if both, ok := refinements.Load(key); ok {
		return both.(*Options)
	}
	both := *base
	copySet(&both, o)
	result, loaded := refinements.LoadOrStore(key, &both)
	if !loaded {
		forget := func(key refined) { refinements.Delete(key) }
		runtime.AddCleanup(o, forget, key)
		runtime.AddCleanup(base, forget, key)
	}
	return result.(*Options)
}

// copySet sets the fields of into, a struct, that are not zero in from: a struct whose fields
// have the same names and types there.
func copySet(into, from any) {
	to, of := reflect.ValueOf(into).Elem(), reflect.ValueOf(from).Elem()
	for i := range of.NumField() {
		if f := of.Field(i); !f.IsZero() {
			to.FieldByName(of.Type().Field(i).Name).Set(f)
		}
	}
}
