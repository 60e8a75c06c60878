package sockets

import (
	"context"
	"reflect"
	"sync/atomic"
	"time"
)

// life is how long a connection lasts. Nobody but the contexts of its request asks, and
// seldom: it costs eight bytes until then.
type life struct{ asked atomic.Pointer[lasting] }

// lasting is a context that ends with a connection.
type lasting struct {
	context.Context
	end context.CancelFunc
}

func newLasting() *lasting {
	ctx, end := context.WithCancel(context.Background())
	return &lasting{ctx, end}
}

// over is the context of every connection that has ended before somebody asked.
var over = func() *lasting { l := newLasting(); l.end(); return l }()

// Ended makes life an actors.Lifetime.
func (l *life) Ended() {
	if asked := l.asked.Swap(over); asked != nil {
		asked.end()
	}
}

// Settled makes life an actors.Lifetime.
func (l *life) Settled() {}

func (l *life) context() *lasting {
	if asked := l.asked.Load(); asked != nil {
		return asked
	}
	fresh := newLasting()
	if l.asked.CompareAndSwap(nil, fresh) {
		return fresh
	}
	fresh.end()
	return l.asked.Load()
}

// connContext is the context of Upgraded.Request: it has the values of the request's,
// and ends with the connection.
type connContext struct {
	values context.Context // without its end, which was ServeHTTP's
	life   *life
}

// cancelling is the type of what context.WithCancel returns, and parent the index of its field
// that holds the context it was made of; negative: package context has changed.
var cancelling, parent = func() (reflect.Type, int) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	t := reflect.TypeOf(ctx)
	if f, ok := t.Elem().FieldByName("Context"); ok && len(f.Index) == 1 {
		return t, f.Index[0]
	}
	return t, -1
}()

// valuesOf is ctx without its end, for its values. net/http puts two contexts with an end
// of their own, and no values, around those of a connection: 260 bytes, which would be
// kept as long as the connection lives (make idle). What is below other middleware's
// values stays as it is.
func valuesOf(ctx context.Context) context.Context {
	if c, ok := ctx.(*connectContext); ok { // as it is in a Server's handler
		ctx = c.Context
	}
	for parent >= 0 && reflect.TypeOf(ctx) == cancelling { // if not, only the memory is lost
		ctx = reflect.ValueOf(ctx).Elem().Field(parent).Interface().(context.Context)
	}
	return context.WithoutCancel(ctx)
}

// Deadline makes connContext a context.Context.
func (c *connContext) Deadline() (time.Time, bool) { return time.Time{}, false }

// Done makes connContext a context.Context.
func (c *connContext) Done() <-chan struct{} { return c.life.context().Done() }

// Err makes connContext a context.Context.
func (c *connContext) Err() error {
	if asked := c.life.asked.Load(); asked != nil {
		return asked.Err()
	}
	return nil
}

// Value makes connContext a context.Context. What package context looks for to link a
// child, or its cause, is the connection's.
func (c *connContext) Value(key any) any {
	if v := c.values.Value(key); v != nil {
		return v
	}
	if asked := c.life.asked.Load(); asked != nil {
		return asked.Value(key)
	}
	return nil
}
