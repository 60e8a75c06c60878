package main

import (
	"testing"
	"testing/synctest"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets"
	"github.com/spindrift-go/spindrift/sockets/sockettest"
)

func TestEcho(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := sockettest.Connect(t, sockets.Session(echo), "/echo")
		p.SendText("hello")
		p.ExpectText("hello")
		p.Close(frame.Normal, "")
	})
}
