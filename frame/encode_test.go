package frame

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// unhex reads bytes as the RFC prints them, in hexadecimal with blanks between.
func unhex(t testing.TB, s string) []byte {
	t.Helper()
	p, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	require.NoError(t, err)
	return p
}

// RFC 6455 5.2: the shortest form of every length, in every role.
func TestAppendHeader(t *testing.T) {
	key := [4]byte{0x37, 0xfa, 0x21, 0x3d}
	for _, tt := range []struct {
		name string
		h    Header
		want string
	}{
		{"empty", Header{}, "00 00"},
		{"fin", Header{Fin: true, Opcode: OpText}, "81 00"},
		{"RSV1", Header{Fin: true, RSV: RSV1, Opcode: OpText}, "c1 00"},
		{"RSV2 and RSV3", Header{RSV: RSV2 | RSV3, Opcode: OpBinary}, "32 00"},
		{"control", Header{Fin: true, Opcode: OpPong, Length: 125}, "8a 7d"},
		{"125", Header{Fin: true, Opcode: OpBinary, Length: 125}, "82 7d"},
		{"126", Header{Fin: true, Opcode: OpBinary, Length: 126}, "82 7e 007e"},
		{"65535", Header{Fin: true, Opcode: OpBinary, Length: 65535}, "82 7e ffff"},
		{"65536", Header{Fin: true, Opcode: OpBinary, Length: 65536}, "82 7f 0000000000010000"},
		{"longest", Header{Fin: true, Opcode: OpBinary, Length: math.MaxInt64}, "82 7f 7fffffffffffffff"},
		{"masked", Header{Fin: true, Opcode: OpText, Masked: true, Key: key, Length: 5}, "81 85 37fa213d"},
		{"masked 126", Header{Opcode: OpText, Masked: true, Key: key, Length: 126}, "01 fe 007e 37fa213d"},
		{"masked 65536", Header{Opcode: OpText, Masked: true, Key: key, Length: 65536}, "01 ff 0000000000010000 37fa213d"},
		{"a key alone masks nothing", Header{Fin: true, Opcode: OpText, Key: key, Length: 5}, "81 05"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := AppendHeader([]byte("before"), tt.h)
			assert.Equal(t, append([]byte("before"), unhex(t, tt.want)...), got)
			assert.LessOrEqual(t, len(got)-len("before"), MaxHeader)
		})
	}
}

// RFC 6455 5.7, the examples as the sender writes them.
func TestAppendExamples(t *testing.T) {
	key := [4]byte{0x37, 0xfa, 0x21, 0x3d}
	for _, tt := range []struct {
		name           string
		f              *Frame
		server, client string
	}{
		{"text", Text("Hello"), "81 05 48656c6c6f", "81 85 37fa213d 7f9f4d5158"},
		{"first fragment", Fragment(OpText, false, []byte("Hel")), "01 03 48656c", "01 83 37fa213d 7f9f4d"},
		{"last fragment", Fragment(OpContinuation, true, []byte("lo")), "80 02 6c6f", "80 82 37fa213d 5b95"},
		{"ping", Ping([]byte("Hello")), "89 05 48656c6c6f", "89 85 37fa213d 7f9f4d5158"},
		{"pong", Pong([]byte("Hello")), "8a 05 48656c6c6f", "8a 85 37fa213d 7f9f4d5158"},
		{"empty", Text(""), "81 00", "81 80 37fa213d"},
		{"as it was received", &Frame{
			Header:  Header{Fin: true, Opcode: OpText, Masked: true, Key: [4]byte{9, 9, 9, 9}, Length: 77},
			Payload: []byte("Hello"),
		}, "81 05 48656c6c6f", "81 85 37fa213d 7f9f4d5158"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			header, payload := tt.f.Header, bytes.Clone(tt.f.Payload)
			assert.Equal(t, unhex(t, "ff"+tt.server), Append([]byte{0xff}, tt.f))
			assert.Equal(t, unhex(t, "ff"+tt.client), AppendMasked([]byte{0xff}, tt.f, key))
			assert.Equal(t, header, tt.f.Header, "a frame that is sent is not changed")
			assert.True(t, bytes.Equal(payload, tt.f.Payload), "a frame that is sent is not changed")
		})
	}
}

func TestAppendLongPayloads(t *testing.T) {
	for _, size := range []int{256, 65536} {
		f := Binary(noise(size))
		head := map[int]string{256: "82 7e 0100", 65536: "82 7f 0000000000010000"}[size]
		assert.Equal(t, append(unhex(t, head), f.Payload...), Append(nil, f))
	}
}

func TestAppendAllocatesNothing(t *testing.T) {
	f, dst := Binary(noise(4096)), make([]byte, 0, 8192)
	assert.Zero(t, testing.AllocsPerRun(100, func() { Append(dst, f) }))
	assert.Zero(t, testing.AllocsPerRun(100, func() { AppendMasked(dst, f, [4]byte{1, 2, 3, 4}) }))
}

func BenchmarkAppend(b *testing.B) {
	key := [4]byte{0x37, 0xfa, 0x21, 0x3d}
	dst := make([]byte, 0, 128<<10)
	for _, size := range []int{0, 64, 512, 8 << 10, 64 << 10} {
		f := Binary(noise(size))
		b.Run(fmt.Sprintf("server/%d", size), func(b *testing.B) {
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				Append(dst, f)
			}
		})
		b.Run(fmt.Sprintf("client/%d", size), func(b *testing.B) {
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				AppendMasked(dst, f, key)
			}
		})
	}
}
