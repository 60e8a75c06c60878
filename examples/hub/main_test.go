package main

import (
	"io"
	"log"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets/sockettest"
	"github.com/stretchr/testify/assert"
)

func TestHub(t *testing.T) {
	log.SetOutput(io.Discard)
	synctest.Test(t, func(t *testing.T) {
		server := sockettest.NewServer(t, hub())
		a, b := server.Connect("/ws"), server.Connect("/ws")
		synctest.Wait() // until both have joined
		a.SendText(" hello\nall ")
		a.ExpectText("hello all")
		b.ExpectText("hello all")

		before := time.Now()
		a.ExpectPing()
		b.ExpectPing()
		assert.Equal(t, 54*time.Second, time.Since(before))

		b.SendText(strings.Repeat("x", maxMessage+1))
		b.ExpectClose(frame.TooBig)
		a.Close(frame.GoingAway, "")
	})
}
