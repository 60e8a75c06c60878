package errorlog

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// An error of a server's words is one line that can be printed.
func TestPrintable(t *testing.T) {
	for s, want := range map[string]string{
		"as it is, ü 世":    "as it is, ü 世",
		"a\r\nb\t\x1b[m":   `a\r\nb\t\x1b[m`,
		"\u2028\u202e\x7f": `\u2028\u202e\x7f`,
		"\xff\xfe\ufffd":   `\xff\xfe` + "\ufffd",
		`"quoted" \n`:      `"quoted" \n`,
		"":                 "",
	} {
		assert.Equal(t, want, OneLine(s))
		err := errors.New(s)
		assert.Equal(t, want, Printable(err).Error())
		assert.ErrorIs(t, Printable(err), err)
	}
	assert.NoError(t, Printable(nil))
	long := OneLine(strings.Repeat("\n", 10_000))
	assert.Less(t, len(long), 510)
	assert.True(t, strings.HasSuffix(long, "..."))
}
