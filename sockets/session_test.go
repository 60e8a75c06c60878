package sockets_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/spindrift-go/spindrift/sockets"
	"github.com/spindrift-go/spindrift/sockets/sockettest"
	"github.com/stretchr/testify/assert"
)

// Stages of a session are between its Conn and the wire, and each connection has its own.
func TestStagesOfASession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := sockettest.NewServer(t, &sockets.SessionHandler{
			Serve: func(ctx context.Context, c *sockets.Conn) error {
				for m, err := range c.Messages(ctx) {
					if err != nil || c.Send(ctx, m) != nil {
						return err
					}
				}
				return nil
			},
			Stages: []pipeline.Stage{pipeline.RateLimit{Messages: 2}.Stage()},
		})
		for range 2 {
			p := server.Connect("/")
			for range 10 { // as many as are allowed, for as long as one likes
				p.SendText("a")
				p.ExpectText("a")
				time.Sleep(time.Second / 2)
			}
			for range 5 {
				p.SendText("b")
			}
			for range 4 {
				p.ExpectText("b")
			}
			assert.Contains(t, p.ExpectClose(frame.PolicyViolation), "message")
		}
	})
}
