package frame

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// texts are strings around every border of RFC 3629 and Autobahn's 6.*.
var texts = []string{
	"", "a", "hello", "\x00", "\x7f", "\u0080", "\u07ff", "\u0800", "\ud7ff", "\ue000", "\ufffd", "\uffff", "\U00010000", "\U0010ffff",
	"κόσμε", "Hello-µ@ßöäüàá-UTF-8!!", "日本語", "a€b", "€", "𝄞𝄞", "x\U0001F600y",
	"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2a", "\xc2\xc2", "\xdf\xbf", "\xdf",
	"\xe0\x80\x80", "\xe0\x9f\xbf", "\xe0\xa0\x80", "\xe0\xa0", "\xe0", "\xe1\x80\x80", "\xe2\x82", "\xe2\x82a", "\xe2a",
	"\xed\x9f\xbf", "\xed\xa0\x80", "\xed\xbf\xbf", "\xed\xa0", "\xee\x80\x80", "\xef\xbf\xbf", "\xef\xbb\xbf",
	"\xf0\x80\x80\x80", "\xf0\x8f\xbf\xbf", "\xf0\x90\x80\x80", "\xf0\x9d\x84", "\xf0\x90", "\xf0", "\xf0\x9d\x84a",
	"\xf3\xbf\xbf\xbf", "\xf4\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf4\x90", "\xf5\x80\x80\x80", "\xf5", "\xf8\x88\x80\x80\x80", "\xfe", "\xff",
	"κόσμε\xed\xa0\x80edited", "κόσμε\xf4\x90\x80\x80edited", "ok\xc3\xa9\xc3", "\xe2\x82\xac\xe2\x82\xac\xe2", "aaaaaaaaaaaaaaaa\xc0",
}

// possible reports whether something could still make UTF-8 of p: every
// continuation that the tables of RFC 3629 know starts with these bytes.
func possible(p string) bool {
	if utf8.ValidString(p) {
		return true
	}
	for cut := max(0, len(p)-3); cut < len(p); cut++ {
		if !utf8.ValidString(p[:cut]) {
			continue
		}
		for _, end := range []string{"\x80", "\xbf", "\x80\x80", "\xbf\xbf", "\x80\x80\x80", "\xbf\xbf\xbf"} {
			if r, n := utf8.DecodeRuneInString(p[cut:] + end); n == len(p[cut:]+end) && (r != utf8.RuneError || n == 3) {
				return true
			}
		}
	}
	return false
}

// earliest is how many bytes of p it takes to know that p is not UTF-8; 0: never.
func earliest(p string) int {
	for n := 1; n <= len(p); n++ {
		if !possible(p[:n]) {
			return n
		}
	}
	return 0
}

// checkPieces writes pieces, asks that the verdict comes with the piece that
// holds the first impossible byte, and returns it.
func checkPieces(t *testing.T, pieces ...string) bool {
	t.Helper()
	var u UTF8
	bad, seen := earliest(strings.Join(pieces, "")), 0
	for _, p := range pieces {
		seen += len(p)
		ok := u.Write([]byte(p))
		require.Equal(t, bad == 0 || bad > seen, ok, "%q after %d bytes", pieces, seen)
		if !ok {
			return false
		}
	}
	return u.Done()
}

// RFC 6455 8.1: every text in every two and three pieces, and byte by byte.
func TestUTF8EverySplit(t *testing.T) {
	for _, text := range texts {
		want := utf8.ValidString(text)
		assert.Equal(t, want, checkPieces(t, text), "%q", text)
		assert.Equal(t, want, checkPieces(t, strings.Split(text, "")...), "%q in runes", text)
		var each []string
		for i := range len(text) {
			each = append(each, text[i:i+1], "")
		}
		assert.Equal(t, want, checkPieces(t, each...), "%q in bytes", text)
		for i := range len(text) + 1 {
			assert.Equal(t, want, checkPieces(t, text[:i], text[i:]), "%q at %d", text, i)
			for j := i; j <= len(text); j++ {
				assert.Equal(t, want, checkPieces(t, text[:i], text[i:j], text[j:]), "%q at %d and %d", text, i, j)
			}
		}
	}
}

// RFC 6455 8.1 and RFC 3629 4: the byte that makes it hopeless is the last one
// that is needed, also where the rune is unfinished.
func TestUTF8ImpossiblePrefixes(t *testing.T) {
	for _, tt := range []struct {
		bytes string
		at    int
	}{
		{"\x80", 1}, {"\xc0", 1}, {"\xc1", 1}, {"\xf5", 1}, {"\xff", 1},
		{"\xc2\x20", 2}, {"\xe0\x80", 2}, {"\xe0\x9f", 2}, {"\xed\xa0", 2}, {"\xf0\x80", 2}, {"\xf0\x8f", 2}, {"\xf4\x90", 2},
		{"\xe2\x82\x20", 3}, {"\xf0\x9d\xc0", 3}, {"\xf0\x9d\x84\x20", 4},
		{"\xc2", 0}, {"\xe0\xa0", 0}, {"\xed\x9f", 0}, {"\xf0\x90\x80", 0}, {"\xf4\x8f\xbf", 0},
	} {
		for _, before := range []string{"", "a", "é", "€", "𝄞", "eight+ bytes"} {
			var u UTF8
			require.True(t, u.Write([]byte(before)))
			failed := 0
			for i := range len(tt.bytes) {
				if !u.Write([]byte(tt.bytes[i : i+1])) {
					failed = i + 1
					break
				}
			}
			assert.Equal(t, tt.at, failed, "%q after %q, byte by byte", tt.bytes, before)

			u = UTF8{}
			assert.Equal(t, tt.at == 0, u.Write([]byte(before+tt.bytes)), "%q after %q", tt.bytes, before)
			assert.False(t, u.Done() && tt.at == 0, "%q after %q: done inside a rune", tt.bytes, before)
		}
	}
}

// The checker of one message serves the next.
func TestUTF8IsReadyAgain(t *testing.T) {
	var u UTF8
	for _, text := range []string{"€", "", "𝄞", "a"} {
		for i := range len(text) {
			require.True(t, u.Write([]byte(text[i:i+1])))
			assert.Equal(t, i+1 == len(text), u.Done())
		}
		assert.True(t, u.Done())
	}
}

func TestUTF8AllocatesNothing(t *testing.T) {
	p := []byte(strings.Repeat("κόσμε ", 100))
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		var u UTF8
		if !u.Write(p[:401]) || !u.Write(p[401:]) || !u.Done() {
			t.Fail()
		}
	}))
}

func FuzzUTF8(f *testing.F) {
	for i, text := range texts {
		f.Add([]byte(text), uint(i%5), uint(i%3))
	}
	f.Fuzz(func(t *testing.T, p []byte, a, b uint) {
		if len(p) > 1<<10 {
			return // earliest is slow on purpose
		}
		i := int(a % uint(len(p)+1))
		j := i + int(b%uint(len(p)-i+1))
		want := utf8.Valid(p)
		assert.Equal(t, want, checkPieces(t, string(p)))
		assert.Equal(t, want, checkPieces(t, string(p[:i]), string(p[i:j]), string(p[j:])))
	})
}

func BenchmarkUTF8(b *testing.B) {
	for _, bb := range []struct{ name, text string }{{"ascii", "hello world "}, {"greek", "κόσμε "}, {"han", "日本語"}} {
		for _, size := range []int{64, 8 << 10} {
			p := []byte(strings.Repeat(bb.text, size/len(bb.text)))
			b.Run(fmt.Sprintf("%s/%d", bb.name, size), func(b *testing.B) {
				b.SetBytes(int64(len(p)))
				for b.Loop() {
					var u UTF8
					if !u.Write(p) {
						b.Fatal("valid text refused")
					}
				}
			})
		}
	}
}
