package frame

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// RFC 6455 7.4.1 and 7.4.2, every code there is.
func TestCodeOnWire(t *testing.T) {
	allowed := func(c int) bool {
		switch c {
		case 1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014:
			return true
		}
		return 3000 <= c && c < 5000
	}
	for c := range 1 << 16 {
		require.Equal(t, allowed(c), Code(c).OnWire(), "code %d", c)
	}
}

// RFC 6455 5.5.1
func TestClose(t *testing.T) {
	euros := strings.Repeat("€", 41) // 123 bytes
	for _, tt := range []struct {
		name   string
		code   Code
		reason string
		want   string
	}{
		{"no status", NoStatus, "unsaid", ""},
		{"no reason", Normal, "", "\x03\xe8"},
		{"reason", GoingAway, "bye", "\x03\xe9bye"},
		{"registered code", 4999, "", "\x13\x87"},
		{"longest", Normal, strings.Repeat("x", 123), "\x03\xe8" + strings.Repeat("x", 123)},
		{"too long", Normal, strings.Repeat("x", 124), "\x03\xe8" + strings.Repeat("x", 123)},
		{"longest in runes", Normal, euros, "\x03\xe8" + euros},
		{"cut between runes", Normal, "xx" + euros, "\x03\xe8xx" + strings.Repeat("€", 40)},
		{"not UTF-8", Normal, "a\xffb", "\x03\xe8a\uFFFDb"},
		{"not UTF-8, longer once mended", Normal, strings.Repeat("a\xff", 61), "\x03\xe8" + strings.Repeat("a\uFFFD", 30) + "a"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := Close(tt.code, tt.reason)
			assert.Equal(t, Header{Fin: true, Opcode: OpClose}, f.Header)
			assert.Equal(t, tt.want, f.String())
			if len(tt.want) > inline {
				assert.Equal(t, len(tt.want), cap(f.Payload), "no capacity that is not used")
			}
			code, reason := f.CloseStatus()
			assert.Equal(t, tt.code, code)
			assert.Equal(t, tt.want[min(2, len(tt.want)):], reason)
		})
	}
}

// Any code can be handed in, also those that Closed hands out and no wire may carry.
func TestCodeSendable(t *testing.T) {
	for c := range 1 << 16 {
		code := Code(c)
		want := code
		if code != NoStatus && !code.OnWire() {
			want = InternalError
		}
		f := Close(code, "why")
		got, _, err := ParseClose(f.Payload)
		if code.Sendable() != want || err != nil || got != want || (code == NoStatus) != (len(f.Payload) == 0) {
			t.Fatalf("code %d: %v is sendable, %v is sent as % x: %v", c, code.Sendable(), got, f.Payload, err)
		}
	}
}

// RFC 6455 5.5.1 and 7.4
func TestParseClose(t *testing.T) {
	for _, tt := range []struct {
		name    string
		payload string
		code    Code
		reason  string
		err     Code
	}{
		{"empty", "", NoStatus, "", 0},
		{"one byte", "\x03", 0, "", ProtocolError},
		{"code", "\x03\xe8", Normal, "", 0},
		{"code and reason", "\x03\xe8bye €", Normal, "bye €", 0},
		{"code 0", "\x00\x00", 0, "", ProtocolError},
		{"code 999", "\x03\xe7", 0, "", ProtocolError},
		{"code 1004", "\x03\xec", 0, "", ProtocolError},
		{"code 1005", "\x03\xed", 0, "", ProtocolError},
		{"code 1006", "\x03\xee", 0, "", ProtocolError},
		{"code 1014", "\x03\xf6", BadGateway, "", 0},
		{"code 1015", "\x03\xf7", 0, "", ProtocolError},
		{"code 2999", "\x0b\xb7", 0, "", ProtocolError},
		{"code 3000", "\x0b\xb8", 3000, "", 0},
		{"code 4999", "\x13\x87", 4999, "", 0},
		{"code 5000", "\x13\x88", 0, "", ProtocolError},
		{"code 65535", "\xff\xff", 0, "", ProtocolError},
		{"reason not UTF-8", "\x03\xe8\xff", 0, "", InvalidPayload},
		{"reason ends inside a rune", "\x03\xe8\xe2\x82", 0, "", InvalidPayload},
		{"bad code before bad reason", "\x03\xed\xff", 0, "", ProtocolError},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code, reason, err := ParseClose([]byte(tt.payload))
			assert.Equal(t, tt.code, code)
			assert.Equal(t, tt.reason, reason)
			if tt.err == 0 {
				assert.Nil(t, err)
			} else if assert.NotNil(t, err) {
				assert.Equal(t, tt.err, err.Code)
				assert.NotEmpty(t, err.Reason)
			}
		})
	}
}

func TestErrorIsFoundByErrorsAs(t *testing.T) {
	var err error = Failure(TooBig, "frame over the limit")
	var e *Error
	require.True(t, errors.As(err, &e))
	assert.Equal(t, TooBig, e.Code)
	assert.Equal(t, "1009 frame over the limit", err.Error())
}

// What Close makes, ParseClose takes, whatever the reason; and what ParseClose
// takes is what Close would make.
func FuzzClose(f *testing.F) {
	f.Add(uint16(1000), "bye")
	f.Add(uint16(1005), "")
	f.Add(uint16(1015), "tls")
	f.Add(uint16(3000), strings.Repeat("€", 60))
	f.Add(uint16(4999), strings.Repeat("a\xff", 80))
	f.Fuzz(func(t *testing.T, n uint16, reason string) {
		raw := append([]byte{byte(n >> 8), byte(n)}, reason...)
		code, said, err := ParseClose(raw)
		if !Code(n).OnWire() {
			require.NotNil(t, err)
			assert.Equal(t, ProtocolError, err.Code)
			return
		}
		if err == nil {
			assert.Equal(t, Code(n), code)
			assert.Equal(t, reason, said)
			assert.True(t, utf8.ValidString(said))
		} else {
			assert.Equal(t, InvalidPayload, err.Code)
			assert.False(t, utf8.ValidString(reason))
		}

		made := Close(Code(n), reason)
		require.LessOrEqual(t, len(made.Payload), 125)
		code, said, err = ParseClose(made.Payload)
		require.Nil(t, err)
		assert.Equal(t, Code(n), code)
		mended := strings.ToValidUTF8(reason, "\uFFFD")
		assert.True(t, strings.HasPrefix(mended, said))
		if len(said) < len(mended) {
			assert.Greater(t, len(said), 123-utf8.UTFMax, "cut more than one rune too early")
		}
	})
}
