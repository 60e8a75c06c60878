package pipeline

import (
	"encoding/json"

	"github.com/spindrift-go/spindrift/frame"
)

// Format turns messages into values of the program's and back, for a Typed stage. It is
// shared by connections and used in their turns.
type Format interface {
	// Decode makes a value of a whole message, text or binary, which is the format's to keep
	// or, when it has a value, to Release. A nil value hands the message over as it is. An error
	// that is a *frame.Error ends the connection with its code, any other with 1007.
	Decode(message *frame.Frame) (value any, err error)

	// Encode makes a message of a value. A nil message is for what is no value of this format:
	// it goes on down as it is. Call Handover on a frame that is for this connection only.
	Encode(value any) (message *frame.Frame, err error)
}

// JSON is a stage that hands every message over as a *T, by encoding/json, and sends
// whatever the handler responds as JSON text: it is Typed with JSONFormat. A frame passes as
// it is: for what many connections are sent, encode once and send them the frame.
func JSON[T any]() Stage { return Typed{Format: JSONFormat[T]()}.Stage() }

// JSONFormat takes text and binary for JSON that unmarshals into a T, its value is a *T, and
// sends any value as text.
func JSONFormat[T any]() Format { return jsonFormat[T]{} }

type jsonFormat[T any] struct{}

func (jsonFormat[T]) Decode(message *frame.Frame) (any, error) {
	v := new(T)
	if err := json.Unmarshal(message.Payload, v); err != nil {
		return nil, err
	}
	message.Release() // Unmarshal keeps nothing of it
	return v, nil
}

func (jsonFormat[T]) Encode(value any) (*frame.Frame, error) {
	p, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	return frame.TextBytes(p).Handover(), nil
}

// Plain has the payloads themselves: text is a string, binary a []byte, in both directions.
func Plain() Format { return plain{} }

type plain struct{}

func (plain) Decode(message *frame.Frame) (any, error) {
	if message.Opcode == frame.OpBinary {
		return message.Payload, nil
	}
	s := message.String()
	message.Release()
	return s, nil
}

func (plain) Encode(value any) (*frame.Frame, error) {
	switch v := value.(type) {
	case string:
		return frame.Text(v).Handover(), nil
	case []byte:
		return frame.Binary(v).Handover(), nil
	}
	return nil, nil
}

// BinaryFormat makes a Format of two functions, for protobuf and the like, whose messages are
// binary. unmarshal makes a value of a payload, which is its to keep. marshal returns nil and
// no error for what is no value of the format's; it keeps nothing of what it returns. A text
// message ends the connection with 1003, RFC 6455 7.4.1. It panics if one of the functions is nil.
func BinaryFormat(unmarshal func([]byte) (any, error), marshal func(any) ([]byte, error)) Format {
	if unmarshal == nil || marshal == nil {
		panic("pipeline: BinaryFormat of a nil function")
	}
	return binaryFormat{unmarshal, marshal}
}

type binaryFormat struct {
	unmarshal func([]byte) (any, error)
	marshal   func(any) ([]byte, error)
}

var wantsBinary = frame.Failure(frame.UnsupportedData, "messages are binary here")

func (b binaryFormat) Decode(message *frame.Frame) (any, error) {
	if message.Opcode != frame.OpBinary {
		return nil, wantsBinary
	}
	return b.unmarshal(message.Payload)
}

func (b binaryFormat) Encode(value any) (*frame.Frame, error) {
	p, err := b.marshal(value)
	if p == nil || err != nil {
		return nil, err
	}
	return frame.Binary(p).Handover(), nil
}
