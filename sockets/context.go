package sockets

import (
	"context"
	"net"
	"net/http"
	"net/netip"
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
	local  netip.AddrPort  // of http.LocalAddrContextKey, if that is not among the values
	life   *life
}

// cancelling and valued are the types of what context.WithCancel and WithValue return, and the
// indices their fields' that hold the context they were made of, and the key.
var (
	cancelling, cancellingParent, _ = made(func(ctx context.Context) context.Context {
		ctx, cancel := context.WithCancel(ctx)
		cancel()
		return ctx
	})
	valued, valuedParent, valuedKey = made(func(ctx context.Context) context.Context {
		return context.WithValue(ctx, connInfoKey{}, nil)
	})
	localAddrKey = reflect.ValueOf(http.LocalAddrContextKey).Pointer()
)

// made looks into what package context makes. A negative index says that it has changed.
func made(of func(context.Context) context.Context) (t reflect.Type, parent, key int) {
	t, parent, key = reflect.TypeOf(of(context.Background())), -1, -1
	if f, ok := t.Elem().FieldByName("Context"); ok && len(f.Index) == 1 {
		parent = f.Index[0]
	}
	if f, ok := t.Elem().FieldByName("key"); ok && len(f.Index) == 1 {
		key = f.Index[0]
	}
	return t, parent, key
}

// newConnContext is ctx without its end, for its values, and with that of life. net/http puts
// contexts around those of a connection that would be kept as long as it lives (make idle): two
// with an end of their own, and no values, which are 260 bytes, and one with the local address,
// which is 128 with it and 32 without. What is below other middleware's values stays as it is.
func newConnContext(ctx context.Context, life *life) connContext {
	c := connContext{life: life}
	if in, ok := ctx.(*connectContext); ok { // as it is in a Server's handler
		ctx = in.Context
	}
	for { // what is not known stays: only the memory is lost
		var parent int
		switch t := reflect.TypeOf(ctx); {
		case t == cancelling && cancellingParent >= 0:
			parent = cancellingParent
		case t == valued && valuedParent >= 0 && c.takesLocal(ctx):
			parent = valuedParent
		default:
			c.values = context.WithoutCancel(ctx)
			return c
		}
		ctx = reflect.ValueOf(ctx).Elem().Field(parent).Interface().(context.Context)
	}
}

// takesLocal takes the address of this end out of ctx, which has one value, if it is that.
func (c *connContext) takesLocal(ctx context.Context) bool {
	if valuedKey < 0 {
		return false
	}
	key := reflect.ValueOf(ctx).Elem().Field(valuedKey).Elem()
	if key.Kind() != reflect.Pointer || key.Pointer() != localAddrKey {
		return false
	}
	if c.local.IsValid() { // this one is further outside
		return true
	}
	if a, ok := ctx.Value(http.LocalAddrContextKey).(*net.TCPAddr); ok && a != nil {
		c.local = a.AddrPort()
	}
	return c.local.IsValid()
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
	if key == http.LocalAddrContextKey && c.local.IsValid() {
		return net.TCPAddrFromAddrPort(c.local)
	}
	if v := c.values.Value(key); v != nil {
		return v
	}
	if asked := c.life.asked.Load(); asked != nil {
		return asked.Value(key)
	}
	return nil
}
