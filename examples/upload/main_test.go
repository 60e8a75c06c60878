package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets/sockettest"
)

// A message in one frame and one in many, over every limit that there is by default, have their digests.
func TestDigest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := sockettest.Connect(t, handler(), "/")
		p.SendText("short")
		p.ExpectText(fmt.Sprintf("%x", sha256.Sum256([]byte("short"))))

		piece, all := bytes.Repeat([]byte("spindrift "), 10_000), sha256.New()
		for i := range 30 { // 3 MB
			op := frame.OpContinuation
			if i == 0 {
				op = frame.OpBinary
			}
			p.SendFrame(frame.Fragment(op, i == 29, piece))
			all.Write(piece)
		}
		p.ExpectText(fmt.Sprintf("%x", all.Sum(nil)))
		p.Close(frame.Normal, "")
	})
}
