package transport

import (
	"crypto/tls"
	"io"
	"net"
	"testing"

	"github.com/spindrift-go/spindrift/internal/testcert"
	"github.com/stretchr/testify/require"
)

// A tls.Conn over TCP can be polled whoever made it: crypto/tls is as it was when this was
// written.
func TestBelow(t *testing.T) {
	a, b := tcp(t)
	near := tls.Server(a, testcert.Server())
	p := pollableBelow(near)
	require.NotNil(t, p)
	require.Same(t, a, p.TCPConn)
	require.Same(t, p, near.NetConn())
	require.Same(t, p, pollableBelow(near), "once")
	far := tls.Client(b, testcert.Client())
	go io.WriteString(far, "hello")
	got := make([]byte, 5)
	_, err := io.ReadFull(near, got)
	require.NoError(t, err)
	require.Equal(t, "hello", string(got))
	require.Positive(t, p.sent.Load(), "it is what TLS writes to")

	pipe, _ := net.Pipe()
	require.Nil(t, pollableBelow(tls.Server(pipe, testcert.Server())))
}
