package sockets

import (
	"errors"
	"fmt"
	"runtime/debug"
)

// guarded calls f, whose panic is an error.
func guarded(f func() error) (err error) {
	err = errGoexit
	defer func() {
		if reason := recover(); reason != nil {
			err = &panicked{reason, debug.Stack()}
		}
	}()
	return f()
}

// apart is guarded for who has to go on: f is called on a goroutine of its own, which is all that a runtime.Goexit ends.
func apart(f func() error) error {
	over := make(chan error, 1)
	go func() {
		err := errGoexit
		defer func() { over <- err }()
		err = guarded(f)
	}()
	return <-over
}

var errGoexit = errors.New("runtime.Goexit was called")

// panicked is a panic of the program's.
type panicked struct {
	reason any
	stack  []byte
}

func (e *panicked) Error() string { return fmt.Sprintf("panic: %v", e.reason) }
