package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"

	"github.com/spindrift-go/spindrift/frame"
)

// ending is a way to end a connection, good or bad.
type ending struct {
	name string
	do   func(b *bare) error
}

var endings = []ending{
	{"close", (*bare).closes},
	{"drop", (*bare).Close},
	{"reset", (*bare).reset},
	{"reset in a frame", (*bare).resetInAFrame},
	{"half-close", (*bare).half},
	{"stall", (*bare).stall},
	{"violation", (*bare).violation},
	{"nonreading", (*bare).nonReading},
}

func (b *bare) closes() error {
	b.add(frame.Close(frame.Normal, "enough"))
	return b.expect(frame.Normal)
}

// expect writes, and requires a Close with code and the end.
func (b *bare) expect(code frame.Code) error {
	b.SetDeadline(time.Now().Add(grace))
	if err := b.flush(); err != nil {
		return err
	}
	_, err := b.read(0)
	var c closed
	if !errors.As(err, &c) || c.Code != code {
		return fmt.Errorf("want Close %v: %w", code, err)
	}
	if code != frame.Normal {
		b.add(frame.Close(code, ""))
		b.flush()
	}
	_, err = io.Copy(io.Discard, b.in)
	return notReset(err)
}

// notReset: a server that still had something to read may reset.
func notReset(err error) error {
	if errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

func (b *bare) reset() error {
	b.SetLinger(0)
	return b.Close()
}

func (b *bare) resetInAFrame() error {
	b.partly(1 + b.IntN(14))
	return b.reset()
}

// partly writes a frame that does not end.
func (b *bare) partly(bytes int) error {
	b.add(frame.Binary(make([]byte, 60<<10)))
	b.out = b.out[:bytes]
	return b.flush()
}

// half sends no more, and reads to the end.
func (b *bare) half() error {
	if err := b.CloseWrite(); err != nil {
		return notReset(err)
	}
	_, err := io.Copy(io.Discard, b.in)
	return notReset(err)
}

// stall begins a message and does not finish it.
func (b *bare) stall() error {
	if err := b.partly(14 + b.IntN(40<<10)); err != nil {
		return err
	}
	return b.expect(frame.PolicyViolation)
}

func (b *bare) violation() error {
	b.out = append(b.out, 0x83, 0x80, 0, 0, 0, 0)
	return b.expect(frame.ProtocolError)
}

// nonReading sends more than the server may hold, reads nothing, and leaves.
func (b *bare) nonReading() error {
	b.SetDeadline(time.Now().Add(time.Second))
	for range 64 {
		b.add(frame.Binary(make([]byte, 60<<10)))
		if b.flush() != nil { // the server does not read any more
			break
		}
	}
	return b.reset()
}
