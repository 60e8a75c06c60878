package sockets

import (
	"context"
	"fmt"
	"time"
)

// within returns what f does, or ctx's error as soon as that ends or the time is over,
// whatever f still waits for: what it comes to then is given to late. A panic of f, which
// calls code of the program's, is an error.
func within[T any](ctx context.Context, limit time.Duration, f func(context.Context) (T, error), late func(T)) (v T, err error) {
	if limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	type outcome struct {
		v   T
		err error
	}
	done := make(chan outcome)
	go func() {
		var o outcome
		defer func() {
			if reason := recover(); reason != nil {
				o.err = fmt.Errorf("panic: %v", reason)
			}
			select {
			case done <- o:
			case <-ctx.Done():
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
		return v, ctx.Err()
	}
}
