package sockets_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/spindrift-go/spindrift/sockets"
	"github.com/spindrift-go/spindrift/sockets/sockettest"
	"github.com/stretchr/testify/assert"
)

// Stages of a session, of callbacks and of a client's connection are between its Conn and the wire, and each connection has its own.
func TestStagesOfAConn(t *testing.T) {
	stages := []pipeline.Stage{pipeline.RateLimit{Messages: 2}.Stage()}
	limited := func(t *testing.T, p *sockettest.Probe) {
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
	for name, h := range map[string]http.Handler{
		"session": &sockets.SessionHandler{Serve: echo, Stages: stages},
		"callbacks": &sockets.Callbacks{
			OnMessage: func(c *sockets.Conn, m *frame.Frame) { c.Send(context.Background(), m) },
			Stages:    stages,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := sockettest.NewServer(t, h)
				for range 2 {
					limited(t, server.Connect("/"))
				}
			})
		})
	}
	t.Run("client", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			peer := sockettest.NewPeer(t)
			system := sockets.NewSystem()
			defer system.Shutdown()
			for range 2 {
				go func() {
					c, err := sockets.Dial(t.Context(), "ws://a.example/", &sockets.DialOptions{Dialer: peer.Dialer(), System: system, Stages: stages})
					if assert.NoError(t, err) {
						echo(t.Context(), c)
					}
				}()
				limited(t, peer.Accept())
			}
		})
	})
}
