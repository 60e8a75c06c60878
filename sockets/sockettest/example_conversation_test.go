package sockettest_test

import (
	"net/http"
	"testing"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets"
	"github.com/spindrift-go/spindrift/sockets/sockettest"
)

// A dialogue that the server begins, in a handler that calls Accept.
func ExampleConnect() {
	hello := func(w http.ResponseWriter, r *http.Request) {
		c, err := sockets.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer c.Close(frame.Normal, "bye")
		ctx := r.Context()
		if c.SendText(ctx, "Please enter your name") != nil {
			return
		}
		if name, err := c.ReceiveText(ctx); err == nil {
			c.SendText(ctx, "Hi, "+name+"!")
		}
	}

	testConversation := func(t *testing.T) {
		p := sockettest.Connect(t, http.HandlerFunc(hello), "/")
		p.ExpectText("Please enter your name")
		p.SendText("JetBrains")
		p.ExpectText("Hi, JetBrains!")
		p.ExpectClose(frame.Normal)
	}

	run(testConversation)
}

// Who may not come in.
func ExampleRefused() {
	members := &sockets.Handler{New: func(r *http.Request) (*sockets.UpgradeServer, error) {
		return nil, &sockets.Refusal{Status: http.StatusUnauthorized, Reason: "log in first"}
	}}

	testStranger := func(t *testing.T) {
		r := sockettest.Refused(t, members, "/members", sockettest.Header("Authorization", "Bearer forged"))
		if r.StatusCode != http.StatusUnauthorized {
			t.Errorf("a stranger was answered %s", r.Status)
		}
	}

	run(testStranger)
}
