package frame

import "unicode/utf8"

// UTF8 checks text that arrives in pieces cut anywhere, even inside a rune. The
// zero value is ready, and ready again after a Done that returned true.
type UTF8 struct {
	part [utf8.UTFMax]byte // the rune that the last piece left unfinished
	n    int8
}

// Write takes the next piece. It returns false at the first byte after which no
// continuation could be UTF-8 (RFC 6455 8.1), even if the rune is unfinished.
func (u *UTF8) Write(p []byte) bool {
	for u.n > 0 && len(p) > 0 {
		u.part[u.n] = p[0]
		u.n++
		p = p[1:]
		// FullRune is also true of bytes that can no longer become a rune.
		if utf8.FullRune(u.part[:u.n]) {
			if !utf8.Valid(u.part[:u.n]) {
				return false
			}
			u.n = 0
		}
	}
	whole := len(p)
	for i := 1; i < utf8.UTFMax && i <= len(p); i++ {
		if utf8.RuneStart(p[len(p)-i]) {
			if !utf8.FullRune(p[len(p)-i:]) {
				whole = len(p) - i
			}
			break
		}
	}
	if !utf8.Valid(p[:whole]) {
		return false
	}
	if whole < len(p) {
		u.n = int8(copy(u.part[:], p[whole:]))
	}
	return true
}

// Done reports whether the text ends here on a whole rune.
func (u *UTF8) Done() bool { return u.n == 0 }
