package sockettest

import (
	"testing"
	"time"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/internal/zerovalues"
	"github.com/stretchr/testify/assert"
)

// Zero values and nil pointers, which no function returns, panic with a line that says where one comes from.
func TestZeroValues(t *testing.T) {
	assert.Empty(t, zerovalues.Try(".", nil, []any{Peer{}, Probe{}, Server{}},
		[]any{frame.Text("x"), []byte("x"), frame.Normal, time.Second, "x"}))
}
