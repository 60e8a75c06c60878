package remote

import (
	"context"
	"math"
	"testing"

	"github.com/spindrift-go/spindrift/sockets"
	"github.com/stretchr/testify/assert"
)

// Times and sizes that mean nothing are refused, before there is a node.
func TestConfigOutOfRange(t *testing.T) {
	for name, c := range map[string]Config{
		"DialTimeout": {DialTimeout: -1},
		"Heartbeat":   {Heartbeat: -1},
		"Timeout":     {Timeout: -1},
		"MaxMessage":  {MaxMessage: -1},
		"MaxMessage ": {MaxMessage: math.MaxInt},
		"MaxQueue":    {MaxQueue: -1},
	} {
		c.Addr, c.InsecureLoopback = "127.0.0.1:0", true
		_, err := Start(sockets.NewSystem(), c)
		assert.ErrorContains(t, err, "remote: Config.", name)
	}
}

// A call without a context does nothing, and says so.
func TestWithoutContext(t *testing.T) {
	var nobody context.Context
	m := start(t, Config{})
	assert.ErrorIs(t, m.node.Connect(nobody, m.node.Addr()), sockets.ErrNilContext)
	assert.ErrorIs(t, m.node.Shutdown(nobody), sockets.ErrNilContext)
	assert.NoError(t, m.node.Shutdown(context.Background()))
}
