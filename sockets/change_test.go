package sockets

import (
	"os"
	"reflect"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What SetOptions can change is what Options says that it can, by the same names and types.
func TestLiveOptions(t *testing.T) {
	source, err := os.ReadFile("options.go")
	require.NoError(t, err)
	var said, is []string
	for _, m := range regexp.MustCompile(`(?m)^\t(\w+) .*\(live\)$`).FindAllSubmatch(source, -1) {
		said = append(said, string(m[1]))
	}
	options := reflect.TypeFor[Options]()
	for _, f := range reflect.VisibleFields(reflect.TypeFor[SetOptions]()) {
		is = append(is, f.Name)
		o, ok := options.FieldByName(f.Name)
		if assert.True(t, ok, f.Name) {
			assert.Equal(t, o.Type, f.Type, f.Name)
		}
	}
	assert.ElementsMatch(t, said, is)
}
