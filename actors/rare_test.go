package actors

import (
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
)

// An idle connection keeps these. Memory comes in sizes: one byte more than 256 takes 288 (make idle).
func TestSizesOfAConnection(t *testing.T) {
	if unsafe.Sizeof(uintptr(0)) < 8 {
		t.Skip("pointers are smaller here")
	}
	assert.LessOrEqual(t, unsafe.Sizeof(stream{}), uintptr(256), "what is seldom there has its place in rare")
	assert.LessOrEqual(t, unsafe.Sizeof(conn{}), uintptr(176))
}
