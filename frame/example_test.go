package frame_test

import (
	"fmt"

	"github.com/spindrift-go/spindrift/frame"
)

// One message in three frames.
func ExampleFragment() {
	var wire []byte
	wire = frame.Append(wire, frame.Fragment(frame.OpText, false, []byte("one ")))
	wire = frame.Append(wire, frame.Fragment(frame.OpContinuation, false, []byte("message")))
	wire = frame.Append(wire, frame.Fragment(frame.OpContinuation, true, nil))
	fmt.Printf("% x\n", wire)
	// Output: 01 04 6f 6e 65 20 00 07 6d 65 73 73 61 67 65 80 00
}

// What a Close says, and what must not be on the wire.
func ExampleCode() {
	f := frame.Close(4000, "enough")
	code, reason, err := frame.ParseClose(f.Payload)
	fmt.Println(code, reason, err == nil)
	fmt.Println(frame.Abnormal.OnWire(), frame.Abnormal.Sendable())
	// Output:
	// 4000 enough true
	// false 1011
}

// The payload of a client's frames is masked, in place and piece by piece.
func ExampleMask() {
	key := [4]byte{1, 2, 3, 4}
	p := []byte("hello")
	next := frame.Mask(p[:2], key, 0)
	frame.Mask(p[2:], key, next)
	fmt.Println(string(p) == "hello")
	frame.Mask(p, key, 0)
	fmt.Println(string(p))
	// Output:
	// false
	// hello
}
