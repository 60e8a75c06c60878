//go:build unix

package rooms

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A numbered message is one frame: its number, when it was said, and what is missing to 64 bytes.
const (
	payloadSize = 64
	frameSize   = 2 + payloadSize

	uncounted = math.MaxUint64 // in place of a number
)

// said appends message number n as a client says it.
func said(b []byte, n uint64, when time.Time) []byte {
	b = append(b, 0x82, 0x80|payloadSize, 0, 0, 0, 0) // binary, under a mask of nothing
	b = binary.BigEndian.AppendUint64(b, n)
	b = binary.BigEndian.AppendUint64(b, uint64(when.UnixNano()))
	return append(b, make([]byte, payloadSize-16)...)
}

// ear is a member whose frames are counted where they lie, so that 3,000 of them leave the machine to the
// nodes.
type ear struct {
	net.Conn
	in     *bufio.Reader
	late   bool          // it came later than the others, and counts from what it hears first
	met    atomic.Bool   // a message came that is not counted
	heard  atomic.Uint64 // messages, of which none was missing
	trips  []time.Duration
	failed atomic.Pointer[error]
}

func newEar(b testing.TB, url string) *ear {
	host := strings.TrimPrefix(url, "ws://")
	nc, err := net.Dial("tcp", host)
	require.NoError(b, err)
	b.Cleanup(func() { nc.Close() })
	fmt.Fprintf(nc, "GET /?name=ear HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", host)
	e := &ear{Conn: nc, in: bufio.NewReaderSize(nc, 16<<10)}
	for line := ""; line != "\r\n"; {
		line, err = e.in.ReadString('\n')
		require.NoError(b, err)
	}
	joined := make([]byte, 2+len("joined"))
	_, err = io.ReadFull(e.in, joined)
	require.NoError(b, err)
	require.Equal(b, "joined", string(joined[2:]))
	return e
}

// listen counts until the connection ends.
func (e *ear) listen(timed bool) {
	for {
		if _, err := e.in.Peek(frameSize); err != nil {
			return
		}
		n := e.in.Buffered() / frameSize
		all, _ := e.in.Peek(n * frameSize)
		now, heard := time.Now(), e.heard.Load()
		for ; len(all) >= frameSize; all = all[frameSize:] {
			switch number := binary.BigEndian.Uint64(all[2:]); {
			case number == uncounted:
				e.met.Store(true)
				continue
			case e.late:
				e.late, heard = false, number
			case number != heard:
				err := fmt.Errorf("message %d in place of %d", number, heard)
				e.failed.Store(&err)
				return
			}
			heard++
			if timed {
				e.trips = append(e.trips, now.Sub(time.Unix(0, int64(binary.BigEndian.Uint64(all[10:])))))
			}
		}
		e.in.Discard(n * frameSize)
		e.heard.Store(heard)
	}
}

// auditorium is a room with members on nodes that are processes.
type auditorium struct {
	testing.TB
	nodes []*process
	ears  []*ear
}

func newAuditorium(b testing.TB, nodes, members int) *auditorium {
	a := &auditorium{TB: b}
	for i := range nodes {
		route := alone
		if i > 0 {
			route = a.nodes[0].addr
		}
		a.nodes = append(a.nodes, run(b, route))
	}
	for _, p := range a.nodes {
		a.ears = append(a.ears, ears(b, p, members/nodes)...)
	}
	return a
}

// ears are members on one node.
func ears(b testing.TB, p *process, members int) (all []*ear) {
	b.Helper()
	for range members {
		all = append(all, newEar(b, p.url))
	}
	return all
}

// least is how many messages all have heard.
func (a *auditorium) least() uint64 { return leastOf(a, a.ears) }

func leastOf(b testing.TB, ears []*ear) uint64 {
	least := ears[0].heard.Load()
	for _, e := range ears {
		if err := e.failed.Load(); err != nil {
			require.NoError(b, *err)
		}
		least = min(least, e.heard.Load())
	}
	return least
}

// begin has all listen, and waits until all hear what is said on the first node.
func (a *auditorium) begin(timed bool) {
	for _, e := range a.ears {
		go e.listen(timed)
	}
	deaf := func(e *ear) bool { return !e.met.Load() }
	for slices.ContainsFunc(a.ears, deaf) {
		a.say(said(nil, uncounted, time.Now()))
		time.Sleep(20 * time.Millisecond) // a node hears when another knows of it, which nothing tells
	}
}

func (a *auditorium) say(words []byte) {
	_, err := a.ears[0].Write(words)
	require.NoError(a, err)
}
