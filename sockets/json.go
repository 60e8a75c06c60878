package sockets

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spindrift-go/spindrift/frame"
)

// ReceiveJSON receives a message, text or binary, and unmarshals it into v. What does not
// unmarshal is an error that wraps encoding/json's, and costs nothing but that message: the
// connection goes on, unless a [Session] returns it, which is 1007.
func (c *Conn) ReceiveJSON(ctx context.Context, v any) error {
	f, err := c.Receive(ctx)
	if err != nil {
		return err
	}
	return fromJSON(f, v)
}

// SendJSON sends v as a text message, by encoding/json.
func (c *Conn) SendJSON(ctx context.Context, v any) error {
	f, err := toJSON(v)
	if err != nil {
		return err
	}
	return c.Send(ctx, f)
}

// fromJSON unmarshals a message, which it releases, into v.
func fromJSON(f *frame.Frame, v any) error {
	defer f.Release()
	err := json.Unmarshal(f.Payload, v)
	switch {
	case err == nil:
		return nil
	case errors.As(err, new(*json.InvalidUnmarshalError)): // v is at fault
		return fmt.Errorf("sockets: receive: %w", err)
	}
	return &notJSON{err}
}

// toJSON makes a message of v.
func toJSON(v any) (*frame.Frame, error) {
	p, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("sockets: send: %w", err)
	}
	return frame.TextBytes(p), nil
}

// notJSON is a message of the peer's that does not unmarshal.
type notJSON struct{ err error }

func (e *notJSON) Error() string { return "sockets: receive: " + e.err.Error() }
func (e *notJSON) Unwrap() error { return e.err }
