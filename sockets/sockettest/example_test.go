package sockettest_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets"
	"github.com/spindrift-go/spindrift/sockets/sockettest"
)

// greeter greets who says a name, and leaves binary messages unanswered.
var greeter = sockets.Session(func(ctx context.Context, c *sockets.Conn) error {
	for m, err := range c.Messages(ctx) {
		if err != nil {
			return err
		}
		if m.Opcode == frame.OpText {
			if err := c.SendText(ctx, "Hello "+m.String()+"!"); err != nil {
				return err
			}
		}
	}
	return nil
})

// testGreeter is called TestGreeter in a program.
func testGreeter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mux := http.NewServeMux()
		mux.Handle("/greeter", greeter)
		p := sockettest.Connect(t, mux, "/greeter")

		p.SendText("Peter")
		p.ExpectText("Hello Peter!")

		p.SendBinary([]byte("abcdef"))
		p.ExpectNothing(time.Minute) // which takes no time

		p.SendText("John")
		p.ExpectText("Hello John!")

		p.SendClose(frame.Normal, "")
		p.ExpectCompletion()
	})
}

// A greeter and its test.
func Example() {
	run(testGreeter)
}
