package sockets

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// grace is how long within waits for f when ctx has ended: it knows best what it waited for.
const grace = 100 * time.Millisecond

// within returns what f does, or ctx's error soon after that ends or the time is over,
// whatever f still waits for: what it comes to then is given to late. A panic of f, which
// calls code of the program's, is an error, and so is its runtime.Goexit.
func within[T any](ctx context.Context, limit time.Duration, f func(context.Context) (T, error), late func(T)) (v T, err error) {
	if ctx == nil {
		return v, ErrNilContext
	}
	if limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	type outcome struct {
		v   T
		err error
	}
	done, left := make(chan outcome), make(chan struct{})
	go func() {
		o := outcome{err: errGoexit}
		defer func() {
			if reason := recover(); reason != nil {
				o.err = fmt.Errorf("panic: %v", reason)
			}
			select {
			case done <- o:
			case <-left:
				if o.err == nil {
					late(o.v)
				}
			}
		}()
		o.v, o.err = f(ctx)
	}()
	select {
	case o := <-done:
		return o.v, o.err
	case <-ctx.Done():
	}
	select {
	case o := <-done:
		if o.err != nil && !errors.Is(o.err, ctx.Err()) { // such as that what ctx has closed was closed
			o.err = ctx.Err()
		}
		return o.v, o.err
	case <-time.After(grace):
		close(left)
		return v, ctx.Err()
	}
}
