package remote

import (
	"context"
	"sync"
	"time"
)

// connContext is the context of the request in Upgraded: it ends with the connection. Few ask,
// so its channel is made when somebody does.
type connContext struct {
	mu    sync.Mutex
	done  chan struct{}
	ended bool
}

// Deadline makes connContext a context.Context.
func (c *connContext) Deadline() (time.Time, bool) { return time.Time{}, false }

// Value makes connContext a context.Context.
func (c *connContext) Value(any) any { return nil }

// Done makes connContext a context.Context.
func (c *connContext) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done == nil {
		c.done = make(chan struct{})
		if c.ended {
			close(c.done)
		}
	}
	return c.done
}

// Err makes connContext a context.Context.
func (c *connContext) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return context.Canceled
	}
	return nil
}

func (c *connContext) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.ended {
		c.ended = true
		if c.done != nil {
			close(c.done)
		}
	}
}
