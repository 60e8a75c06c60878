package sockets

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"testing"
	"time"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// flat is how much memory may be in use besides, while one message goes through of which nobody
// holds more than a piece.
const flat = 12 << 20

// watermark is how much memory was in use at most, looked at each time that so much has gone by.
type watermark struct {
	every, next int64
	least, most int
}

func newWatermark(size int64) *watermark {
	h := heap()
	looks := int64(40)
	if testing.Short() {
		looks = 10 // what is not flat has most of it at the last
	}
	return &watermark{every: size / looks, least: h, most: h}
}

func (m *watermark) look(at int64) {
	if at >= m.next {
		m.next = at + m.every
		m.most = max(m.most, heapDownTo(m.least+flat-1)) // without garbage: how much of that there is depends on the tests before
	}
}

// One message of a gigabyte is sent by a Conn in flat memory, and one received: by a Reader, or
// a Writer. Over TLS it is 300 MB, and with -short 20 MB.
func TestConnInFlatMemory(t *testing.T) {
	streaming := func(w *world) *Options {
		return &Options{Stream: true, MaxMessage: -1, MaxFrame: -1, MessageTime: -1, MaxFragments: -1, Portable: w.portable}
	}
	settings := []setting{{name: "poller"}, {name: "portable,TLS", portable: true, tls: true}}
	for _, s := range settings {
		size := int64(1 << 30)
		switch {
		case racing || testing.Short():
			size = 20 << 20
		case s.portable:
			size = 300 << 20
		}
		t.Run("down,"+s.name, func(t *testing.T) {
			w := newWorld(t, s)
			sent := make(chan error, 1)
			p := w.upgrade(w.session(streaming(w), func(ctx context.Context, c *Conn) error {
				out, err := c.Writer(ctx, frame.OpBinary)
				if err == nil {
					_, err = io.CopyN(out, zeros{}, size)
				}
				if err == nil {
					err = out.Close()
				}
				sent <- err
				return err
			}))
			p.SetDeadline(time.Now().Add(4 * testTimeout))
			m := newWatermark(size)
			d := frame.Decoder{FromServer: true}
			buf, n := make([]byte, 256<<10), int64(0)
			for fin := false; !fin; {
				k, err := p.in.Read(buf)
				require.NoError(w, err)
				for rest := buf[:k]; len(rest) > 0 && !fin; {
					var f frame.Frame
					used, ok, err := d.Next(rest, &f)
					require.True(w, err == nil, "%v", err)
					if rest = rest[used:]; ok {
						n += int64(len(f.Payload))
						fin = f.Fin
					}
				}
				m.look(n)
			}
			require.NoError(w, <-sent)
			assert.Equal(w, size, n)
			assert.Less(w, m.most-m.least, flat)
			p.Close()
		})
		t.Run("up,"+s.name, func(t *testing.T) {
			w := newWorld(t, s)
			received := make(chan int64, 1)
			p := w.upgrade(w.session(streaming(w), func(ctx context.Context, c *Conn) error {
				_, in, err := c.Reader(ctx)
				if err != nil {
					return err
				}
				n, err := io.Copy(io.Discard, in)
				received <- n
				return err
			}))
			p.SetDeadline(time.Now().Add(4 * testTimeout))
			m := newWatermark(size)
			head := binary.BigEndian.AppendUint64([]byte{0x82, 0xff}, uint64(size))
			p.send(string(append(head, 0, 0, 0, 0)))
			piece := bytes.Repeat([]byte("x"), 256<<10)
			for n := int64(0); n < size; n += int64(len(piece)) {
				_, err := p.Conn.Write(piece)
				require.NoError(w, err)
				m.look(n)
			}
			assert.Equal(w, size, <-received)
			assert.Less(w, m.most-m.least, flat)
			p.Close()
		})
	}
}
