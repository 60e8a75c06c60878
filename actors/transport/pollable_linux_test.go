package transport

import (
	"io"
	"net"
	"strings"
	"testing"

	"github.com/spindrift-go/spindrift/actors/dispatch"
	"github.com/stretchr/testify/require"
)

// A write that blocks counts what the socket has taken of it when it is interrupted, and
// TLS, which forgives no deadline, learns nothing of that.
func TestWriteIsInterrupted(t *testing.T) {
	near, far := secured(t)
	defer far.Close()
	below := near.NetConn().(*PollableConn)
	shaken := below.sent.Load()
	message := strings.Repeat("spindrift", 1<<20)
	written := make(chan error, 1)
	go func() {
		_, err := below.Write([]byte(message)) // one call
		written <- err
	}()
	tcp := far.NetConn()
	got, before := make([]byte, len(message)), int64(0)
	for n := 0; n < len(got); {
		k, err := io.ReadFull(tcp, got[n:min(len(got), n+1<<20)])
		require.NoError(t, err)
		n += k
		eventually(t, func() bool {
			below.interruptWrite()
			sent := below.sent.Load() - shaken
			return sent > before || sent == int64(len(message))
		}, "nothing is counted")
		before = below.sent.Load() - shaken
	}
	require.NoError(t, <-written)
	require.True(t, message == string(got))
	below.interruptWrite() // with no write under way: the next one meets it
	_, err := io.WriteString(near, "after")
	require.NoError(t, err)
	_, err = io.ReadFull(far, got[:5])
	require.NoError(t, err)
	require.Equal(t, "after", string(got[:5]))
	near.Close()
}

// Before the upgrade it is the TCP connection that it holds.
func TestPollableConnBeforeTheUpgrade(t *testing.T) {
	a, b := tcp(t)
	below := &PollableConn{TCPConn: a}
	go below.Write([]byte("there"))
	got := make([]byte, 5)
	_, err := io.ReadFull(b, got)
	require.NoError(t, err)
	require.Equal(t, "there", string(got))
	b.Write([]byte("back!"))
	_, err = io.ReadFull(below, got)
	require.NoError(t, err)
	require.Equal(t, "back!", string(got))
	require.NoError(t, below.Close())
	_, err = b.Read(got)
	require.Equal(t, io.EOF, err)
	b.Close()
}

// What TLS buffers of a write counts when the socket takes it, though no more of the output is taken.
func TestTLSCountsWhatTheSocketTakes(t *testing.T) {
	d := dispatch.New()
	near, far := secured(t)
	defer far.NetConn().Close()
	below := near.NetConn().(*PollableConn)
	require.NoError(t, below.SetWriteBuffer(4<<10))
	require.NoError(t, far.NetConn().(*net.TCPConn).SetReadBuffer(4<<10))
	_, m := newCollector(d)
	s := NewPoller(d).Open(near, m, false).(*tlsTransport)
	defer s.Close()
	n, err := s.Write(make([]byte, 2*maxRecord))
	require.Equal(t, maxRecord, n)
	taken := n
	for err == nil { // how much the kernel has space for is its affair
		n, err = s.Write(make([]byte, maxRecord))
		taken += n
	}
	require.Equal(t, ErrAgain, err)
	before := s.Written()
	require.Less(t, before, int64(taken))
	go io.Copy(io.Discard, far) // until far is closed
	eventually(t, func() bool {
		n, err := s.Write(nil)
		require.Zero(t, n)
		require.True(t, err == nil || err == ErrAgain)
		return s.Written() > before
	}, "progress")
}
