package errorlog

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Printable is err told in one line of at most some 500 bytes: what a peer has sent may be
// part of it, and must not forge a log.
func Printable(err error) error {
	if err == nil {
		return nil
	}
	return printable{err}
}

type printable struct{ error }

func (p printable) Error() string { return OneLine(p.error.Error()) }
func (p printable) Unwrap() error { return p.error }

// OneLine is s with what cannot be printed in Go's notation, cut at some 500 bytes.
func OneLine(s string) string {
	const most = 500
	var b strings.Builder
	for i, r := range s {
		switch {
		case b.Len() >= most:
			b.WriteString("...")
			return b.String()
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], string(r)):
			b.WriteString(`\x` + strconv.FormatUint(uint64(s[i])|0x100, 16)[1:])
		case unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			q := strconv.QuoteRune(r)
			b.WriteString(q[1 : len(q)-1])
		}
	}
	return b.String()
}
