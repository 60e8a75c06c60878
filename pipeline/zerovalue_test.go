package pipeline_test

import (
	"testing"

	"github.com/spindrift-go/spindrift/internal/zerovalues"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/stretchr/testify/assert"
)

// Stages are ready as zero values, but for Typed, which says what it needs.
func TestZeroValues(t *testing.T) {
	assert.Equal(t, []string{"Pipeline has methods and is not tried"}, zerovalues.Try(".",
		[]any{
			pipeline.AutoPing{}, pipeline.AutoPong{}, pipeline.Budget{}, pipeline.Closed{}, pipeline.Closing{}, pipeline.Codec{},
			pipeline.Compression{}, pipeline.Core{}, pipeline.Deflate{}, pipeline.Extensions{}, pipeline.FormatError{}, pipeline.KeepAlive{},
			pipeline.Limit{}, pipeline.Outbox{}, pipeline.Params{}, pipeline.Prepared{}, pipeline.RateLimit{},
			pipeline.Sequence{}, pipeline.Side(0), pipeline.Stage(nil), pipeline.Typed{},
		}, nil, []any{"x"},
	), "which is between drivers and stages, and not promised")
}
