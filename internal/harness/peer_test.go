package harness

import (
	"io"
	"net"
	"strings"
	"testing"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPeer(t *testing.T) {
	near, far := net.Pipe()
	p := NewPeer(t, near)
	long := strings.Repeat("a", 1<<16)
	go func() {
		io.WriteString(far, Masked(frame.Text("hello"))+string(frame.Append(nil, frame.Text(long[:200])))+Masked(frame.Text(long)))
		io.WriteString(far, string(frame.Append(nil, frame.Close(4000, "bye")))+"rest")
		far.Close()
	}()
	for _, want := range []string{"hello", long[:200], long} {
		f := p.Frame()
		require.Equal(t, frame.OpText, f.Opcode)
		require.Equal(t, want, f.String())
	}
	assert.Equal(t, "bye", p.Closes(4000))
	assert.Equal(t, "rest", p.Rest())
	require.NoError(t, p.Close())
	for _, cut := range []string{"\x81", "\x81\x7e\x01", "\x81\x85\x01", "\x81\x05he"} {
		_, err := ReadFrame(strings.NewReader(cut))
		assert.Error(t, err, "% x", cut)
	}
}
