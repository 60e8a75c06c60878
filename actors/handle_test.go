package actors

import (
	"testing"

	"github.com/spindrift-go/spindrift/actors/dispatch"
	"github.com/spindrift-go/spindrift/actors/transport"
	"github.com/stretchr/testify/require"
)

// Each signal has a bit of its own.
func TestSignalsAreDistinct(t *testing.T) {
	var seen uint32
	for _, bit := range []uint32{dispatch.Due, transport.Readable, transport.Writable, transport.Ended} {
		require.Zero(t, seen&bit)
		seen |= bit
	}
}
