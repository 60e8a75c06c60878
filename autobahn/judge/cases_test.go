package main

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMatches(t *testing.T) {
	for _, tt := range []struct {
		pattern, id string
		want        bool
	}{
		{"6.4.1", "6.4.1", true},
		{"6.4.1", "6.4.10", false},
		{"6", "6.4.1", true},
		{"6.4", "6.4.1", true},
		{"1", "10.1.1", false},
		{"6.*", "6.4.1", true},
		{"1.*", "10.1.1", false},
		{"1*", "10.1.1", true},
		{"*", "2.1", true},
		{"13.*.1", "13.7.1", true},
		{"13.*.1", "13.7.10", false},
		{"13.*.1", "13.1", false},
		{"*.1.*.1", "7.1.1", false},
		{"*1*1*", "1.2.1", true},
	} {
		assert.Equal(t, tt.want, matches(tt.pattern, tt.id), "%s %s", tt.pattern, tt.id)
	}
}

func TestChoose(t *testing.T) {
	known := []string{"12.1.1", "1.2.10", "1.2.9", "6.4.1", "12.1.2", "12.1.12", "9.1.2"}

	chosen, err := selection{}.choose(known)
	require.NoError(t, err)
	assert.Equal(t, []string{"1.2.9", "1.2.10", "6.4.1", "9.1.2", "12.1.1", "12.1.2", "12.1.12"}, chosen)
	assert.Equal(t, "12.1.1", known[0], "the argument is left alone")

	chosen, err = selection{patterns: []string{"12", "1.2.*", "1.2.9"}, thin: true}.choose(known)
	require.NoError(t, err)
	assert.Equal(t, []string{"1.2.9", "1.2.10", "12.1.1", "12.1.12"}, chosen)

	_, err = selection{patterns: []string{"1.2", "99"}}.choose(known)
	assert.EqualError(t, err, `no case matches "99"`)
	_, err = selection{patterns: []string{"12.1.2"}, thin: true}.choose(known)
	assert.EqualError(t, err, "a thin run leaves out all of 12.1.2")
}

// What a thin run leaves out is written down in the README.
func TestThin(t *testing.T) {
	expected, err := readExpectation("../expected-server.json")
	require.NoError(t, err)
	thin, err := selection{thin: true}.choose(expected.cases())
	require.NoError(t, err)
	assert.Len(t, thin, 349)
	for _, id := range expected.cases() {
		group := groupOf(id)
		assert.True(t, slices.Contains(thin, id) || group == "12" || group == "13", id)
	}
}
