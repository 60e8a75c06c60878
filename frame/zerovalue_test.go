package frame_test

import (
	"testing"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/internal/zerovalues"
	"github.com/stretchr/testify/assert"
)

// A zero Frame is an empty continuation, and a zero Decoder decodes.
func TestZeroValues(t *testing.T) {
	assert.Empty(t, zerovalues.Try(".",
		[]any{frame.Code(0), frame.Decoder{}, frame.Error{}, frame.Frame{}, frame.Opcode(0), frame.UTF8{}},
		nil, []any{new(frame.Frame), []byte("x")},
	))
}
