package main

import (
	"testing"
	"testing/synctest"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets"
	"github.com/spindrift-go/spindrift/sockets/sockettest"
)

// start README test
func TestShout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		system := sockets.NewSystem()
		listener := system.Root.Spawn(actor.PropsFromProducer(func() actor.Actor { return shout{} }))
		p := sockettest.Serve(t, &sockets.Server{System: system, Listener: listener}).Connect("/")
		p.ExpectText("welcome")
		p.SendText("hi")
		p.ExpectText("HI")
		p.ExpectPing() // after 30 s of silence, which take no time
		p.Close(frame.Normal, "")
	})
}

// end README test
