package actors

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/spindrift-go/spindrift/actors/dispatch"
	"github.com/spindrift-go/spindrift/actors/transport"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/internal/testcert"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/stretchr/testify/require"
)

// secured is TLS of one version over sockets. The client speaks through tamper.
func (w *world) secured(version uint16, tamper func(net.Conn) net.Conn) (server *tls.Conn, client *tls.Conn) {
	a, b := w.sockets()
	config := testcert.Client()
	config.MinVersion, config.MaxVersion = version, version
	server, client = tls.Server(&transport.PollableConn{TCPConn: a}, testcert.Server()), tls.Client(tamper(b), config)
	shaken := make(chan error, 1)
	go func() { shaken <- server.Handshake() }()
	require.NoError(w, b.SetDeadline(time.Now().Add(testTimeout)))
	require.NoError(w, client.Handshake())
	if l, ok := client.NetConn().(*lumps); ok {
		require.NoError(w, l.flush())
	}
	require.NoError(w, <-shaken)
	return server, client
}

// overTLS makes a polled connection.
func (w *world) overTLS(plan *Plan, version uint16, tight bool, tamper func(net.Conn) net.Conn) (far *tls.Conn) {
	near, far := w.secured(version, tamper)
	if tight { // a maxRecord takes more than one write
		require.NoError(w, near.NetConn().(*transport.PollableConn).SetWriteBuffer(4<<10))
	}
	w.start(plan, func(m *dispatch.Mailbox) transport.Transport {
		before := w.rt.poller.Len()
		s := w.rt.poller.Open(near, m, false)
		require.Equal(w, before+1, w.rt.poller.Len(), "not polled")
		return s
	})
	return far
}

func intact(nc net.Conn) net.Conn { return nc }

// dribble writes byte by byte.
type dribble struct{ net.Conn }

func (d dribble) Write(p []byte) (n int, err error) {
	for n < len(p) {
		if _, err = d.Conn.Write(p[n : n+1]); err != nil {
			break
		}
		n++
	}
	return n, err
}

// lumps writes what TLS writes in larger pieces, several records in one.
type lumps struct {
	net.Conn
	pending []byte
}

func (l *lumps) Write(p []byte) (int, error) {
	l.pending = append(l.pending, p...)
	return len(p), nil
}

func (l *lumps) Read(p []byte) (int, error) {
	if err := l.flush(); err != nil {
		return 0, err
	}
	return l.Conn.Read(p)
}

func (l *lumps) flush() error {
	_, err := l.Conn.Write(l.pending)
	l.pending = nil
	return err
}

func TestTLS(t *testing.T) {
	versions := map[string]uint16{"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}
	wires := map[string]func(net.Conn) net.Conn{
		"intact":       intact,
		"byte by byte": func(nc net.Conn) net.Conn { return dribble{nc} },
		"in lumps":     func(nc net.Conn) net.Conn { return &lumps{Conn: nc} },
	}
	for name, version := range versions {
		for how, tamper := range wires {
			t.Run(name+"/"+how, func(t *testing.T) {
				w := newWorld(t, onPoller)
				h := w.handler(echo)
				far := w.overTLS(w.plan(h), version, true, tamper)
				defer far.NetConn().Close()
				sizes := []int{1, 100, 5000, 16 << 10, 16<<10 + 1, 40_000}
				if how == "byte by byte" {
					sizes = sizes[:3]
				}
				for _, size := range sizes {
					message := strings.Repeat("x", size)
					io.WriteString(far, masked(frame.Text(message)))
					f, err := readFrame(far)
					require.NoError(t, err)
					require.True(t, message == f.String(), size)
				}
				io.WriteString(far, strings.Repeat(masked(frame.Text("many")), 100))
				for range 100 {
					f, err := readFrame(far)
					require.NoError(t, err)
					require.Equal(t, "many", f.String())
				}
				// The end is TLS's own: a close_notify each way.
				io.WriteString(far, masked(frame.Close(frame.Normal, "")))
				f, err := readFrame(far)
				require.NoError(t, err)
				require.Equal(t, frame.OpClose, f.Opcode)
				n, err := far.Read(make([]byte, 1))
				require.Zero(t, n)
				require.Equal(t, io.EOF, err, "not cut off")
				require.NoError(t, far.CloseWrite())
				far.NetConn().Close()
				require.Equal(t, pipeline.Closed{Code: frame.Normal, Clean: true, By: pipeline.Peer}, *h.closed())
			})
		}
	}
}

// A peer that says goodbye in TLS alone has ended, and the other way round.
func TestTLSEnds(t *testing.T) {
	for name, end := range map[string]func(c *tls.Conn){
		"close_notify, socket stays": func(c *tls.Conn) { c.CloseWrite() },
		"close_notify and FIN":       func(c *tls.Conn) { c.CloseWrite(); halve(c) },
		"FIN alone":                  halve,
		"garbage": func(c *tls.Conn) {
			c.NetConn().Write([]byte("\x17\x03\x03\x00\x40" + strings.Repeat("?", 64)))
		},
		"half a record": func(c *tls.Conn) {
			c.NetConn().Write([]byte("\x17\x03\x03\x00\x40????"))
			halve(c)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, onPoller)
			h := w.handler(echo)
			far := w.overTLS(w.plan(h), tls.VersionTLS13, true, intact)
			defer far.NetConn().Close()
			io.WriteString(far, masked(frame.Text("hello")))
			f, err := readFrame(far)
			require.NoError(t, err)
			require.Equal(t, "hello", f.String())
			end(far)
			if name == "garbage" {
				_, err := far.Read(make([]byte, 1))
				require.ErrorContains(t, err, "bad record MAC", "the alert")
			}
			got := h.closed()
			require.Equal(t, frame.Abnormal, got.Code)
			require.Equal(t, pipeline.Nobody, got.By)
			require.Error(t, got.Err)
		})
	}
}

// records notes what types of TLS records a client reads.
type records struct {
	net.Conn
	read bytes.Buffer
}

func (r *records) Read(p []byte) (int, error) {
	n, err := r.Conn.Read(p)
	r.read.Write(p[:n])
	return n, err
}

func (r *records) types() (types []byte) {
	for b := r.read.Bytes(); len(b) >= 5; {
		types = append(types, b[0])
		b = b[5+int(b[3])<<8+int(b[4]):]
	}
	return types
}

// The last that a peer hears is a close_notify: it can tell an end from a cut.
func TestTLSSaysGoodbye(t *testing.T) {
	const alert = 21
	w := newWorld(t, onPoller)
	h := w.handler()
	var heard *records
	far := w.overTLS(w.plan(h), tls.VersionTLS12, true, func(nc net.Conn) net.Conn {
		heard = &records{Conn: nc}
		return heard
	})
	defer func() { heard.Conn.Close() }()
	io.WriteString(far, masked(frame.Close(frame.Normal, "")))
	rest, err := io.ReadAll(far)
	require.NoError(t, err)
	require.Equal(t, unmasked(frame.Close(frame.Normal, "")), string(rest))
	types := heard.types()
	require.EqualValues(t, alert, types[len(types)-1], types)
	heard.Conn.Close()
	h.closed()
}

func halve(c *tls.Conn) { c.NetConn().(*net.TCPConn).CloseWrite() }

// What TLS has read ahead while it shook hands is not waited for.
func TestTLSReadsWhatIsThere(t *testing.T) {
	w := newWorld(t, onPoller)
	h := w.handler(echo)
	near, far := w.secured(tls.VersionTLS13, intact)
	defer far.NetConn().Close()
	io.WriteString(far, masked(frame.Text("first")))
	// The reading side takes one byte as net/http's background read does, and with
	// it the whole record.
	one := make([]byte, 1)
	_, err := io.ReadFull(near, one)
	require.NoError(t, err)
	plan := w.plan(h)
	w.startWith(plan, func(m *dispatch.Mailbox) transport.Transport { return w.rt.poller.Open(near, m, false) }, one)
	f, err := readFrame(far)
	require.NoError(t, err)
	require.Equal(t, "first", f.String())
	far.NetConn().Close()
	h.closed()
}

// A large echo to a peer that reads slowly, in bits.
func TestTLSEchoToASlowReader(t *testing.T) {
	for name, version := range map[string]uint16{"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, onPoller)
			h := w.handler(echo).forgetful()
			far := w.overTLS(w.plan(h), version, true, intact)
			defer far.NetConn().Close()
			message := make([]byte, 1<<20)
			for i := range message {
				message[i] = byte(i * 7 >> 3)
			}
			want := frame.Append(nil, frame.Binary(message))
			io.WriteString(far, masked(frame.Binary(message)))
			var got bytes.Buffer
			for size := 1; got.Len() < len(want); size = size%5000 + 1 {
				_, err := io.CopyN(&got, far, int64(min(size, len(want)-got.Len())))
				require.NoError(t, err)
			}
			require.True(t, bytes.Equal(want, got.Bytes()))
			far.NetConn().Close()
			h.closed()
		})
	}
}

// A large message behind almost as much as one maxRecord takes: what is written
// from where it lies does not overtake what waits before it.
func TestTLSLargeBehindMany(t *testing.T) {
	const maxRecord = 64 << 10 // what TLS is given at once
	for before := maxRecord - 40; before < maxRecord+40; before += 3 {
		t.Run(fmt.Sprint(before), func(t *testing.T) {
			w := newWorld(t, onPoller)
			h := w.handler()
			var burst []*frame.Frame
			waiting := 0
			for waiting < before {
				f := frame.Text(strings.Repeat("s", min(4000, max(before-waiting-4, 0))))
				burst = append(burst, f)
				waiting += len(frame.Append(nil, f))
			}
			burst = append(burst, frame.Text(strings.Repeat("L", 2*directWriteMin)))
			plan := w.plan(h)
			plan.Top = pipeline.Stage(func(up, down pipeline.Sink) (pipeline.Sink, pipeline.Sink) {
				return func(item any) {
					if isA[*frame.Frame](item) {
						for _, f := range burst {
							down(f)
						}
						return
					}
					up(item)
				}, down
			})
			far := w.overTLS(plan, tls.VersionTLS13, false, intact)
			io.WriteString(far, masked(frame.Text("go")))
			for i, want := range burst {
				f, err := readFrame(far)
				require.NoError(t, err)
				require.True(t, want.String() == f.String(), "frame %d of %d", i+1, len(burst))
			}
			far.NetConn().Close()
			h.closed()
		})
	}
}
