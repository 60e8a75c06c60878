package sockettest

import (
	"errors"
	"fmt"
	"io"

	"github.com/spindrift-go/spindrift/frame"
)

// arrival is what has come, in order: a message, a Ping, a Pong, a Close or the end.
type arrival struct {
	opcode  frame.Opcode
	payload []byte
	code    frame.Code // of a Close
	reason  string
	end     error // of the connection: io.EOF, a violation, or what the network says
}

// describe is a in the words of a failure.
func (a arrival) describe() string {
	var wrong violation
	switch {
	case errors.As(a.end, &wrong):
		return "what is not allowed: " + string(wrong)
	case a.end == io.EOF:
		return "the end of the connection"
	case a.end != nil:
		return "the end of the connection: " + a.end.Error()
	case a.opcode == frame.OpClose && a.code == frame.NoStatus:
		return "a close without a code"
	case a.opcode == frame.OpClose:
		return fmt.Sprintf("close %d %q", a.code, a.reason)
	case a.opcode == frame.OpText:
		return "text " + quote(string(a.payload))
	}
	return fmt.Sprintf("%v %s", a.opcode, dump(a.payload))
}

// quote and dump show the beginning of what is long.
func quote(s string) string {
	const most = 300
	if len(s) > most {
		return fmt.Sprintf("%q... (%d bytes)", s[:most], len(s))
	}
	return fmt.Sprintf("%q", s)
}

func dump(b []byte) string {
	const most = 64
	if len(b) > most {
		return fmt.Sprintf("[% x ...] (%d bytes)", b[:most], len(b))
	}
	return fmt.Sprintf("[% x]", b)
}
