package sockets

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// streaming is a raw peer and the server's end of its connection as a net.Conn, which knows
// that it is one.
func (w *world) streaming(o *Options, op frame.Opcode) (*peer, net.Conn) {
	made := make(chan net.Conn)
	p := w.upgrade(w.session(o, func(ctx context.Context, c *Conn) error {
		n := c.NetConn(op)
		c.Options() // which is told when the connection knows
		made <- n
		<-c.Done()
		return nil
	}))
	return p, <-made
}

// header begins a frame of so many bytes from a client, whose mask changes none of them.
func header(op frame.Opcode, fin bool, length uint64) string {
	b := []byte{byte(op), 0x80 | 127}
	if fin {
		b[0] |= 0x80
	}
	b = binary.BigEndian.AppendUint64(b, length)
	return string(append(b, 0, 0, 0, 0))
}

// A message of any length is read as it arrives, in memory that does not depend on it.
func TestNetConnReadsAMessageOfAnyLength(t *testing.T) {
	sampled(t, func(w *world) {
		const piece = 1 << 20
		pieces := 24
		if w.setting == bare && !testing.Short() {
			pieces = 300
		}
		p, server := w.streaming(nil, frame.OpBinary)
		one := bytes.Repeat([]byte("0123456789abcdef"), piece/16)
		sent, text := make(chan struct{}), string(one)
		go func() {
			defer close(sent)
			p.send(header(frame.OpBinary, true, uint64(pieces)*piece))
			for range pieces {
				p.send(text)
			}
			p.send(masked(frame.Close(frame.Normal, "")))
			p.half()
		}()
		var before, now runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		got := make([]byte, piece)
		for i := range pieces {
			_, err := io.ReadFull(server, got)
			require.NoError(w, err)
			require.True(w, bytes.Equal(one, got), "piece %d", i)
			if i%16 == 0 {
				runtime.GC()
				runtime.ReadMemStats(&now)
				require.Less(w, int64(now.HeapAlloc)-int64(before.HeapAlloc), int64(16<<20), "piece %d", i) // what the sender makes and drops meanwhile is in it
			}
		}
		_, err := server.Read(got)
		assert.Equal(w, io.EOF, err)
		<-sent
		p.closes(frame.Normal)
	})
}

// A deadline in the middle of a message costs nothing of it, and what is there is read although the
// message is not over.
func TestNetConnReadsWhatIsThere(t *testing.T) {
	sampled(t, func(w *world) {
		p, server := w.streaming(nil, frame.OpBinary)
		p.send(masked(frame.Fragment(frame.OpBinary, false, []byte("half"))))
		got := make([]byte, 3)
		read := func(want string) {
			w.Helper()
			n, err := io.ReadFull(server, got[:len(want)])
			require.NoError(w, err)
			require.Equal(w, want, string(got[:n]))
		}
		read("hal")
		read("f")
		require.NoError(w, server.SetReadDeadline(time.Now().Add(soon)))
		_, err := server.Read(got)
		require.ErrorIs(w, err, os.ErrDeadlineExceeded)
		require.NoError(w, server.SetReadDeadline(time.Time{}))
		p.send(masked(frame.Fragment(frame.OpContinuation, false, nil)), masked(frame.Fragment(frame.OpContinuation, true, []byte(" a ms"))))
		read(" a ")
		read("ms")
		p.send(masked(frame.Binary([]byte("next"))))
		read("nex")
		read("t")
		p.send(masked(frame.Close(frame.Normal, "")))
		p.half()
		_, err = server.Read(got)
		assert.Equal(w, io.EOF, err)
		_, err = server.Read(got)
		assert.Equal(w, io.EOF, err)
	})
}

// What had come of a message when the net.Conn was made is read.
func TestNetConnOfAMessageThatHasBegun(t *testing.T) {
	sampled(t, func(w *world) {
		arrived := make(chan struct{})
		got := make(chan string, 2)
		p := w.upgrade(w.session(nil, func(ctx context.Context, c *Conn) error {
			<-arrived
			b := make([]byte, 100)
			n := c.NetConn(frame.OpText)
			for range 2 {
				k, err := n.Read(b)
				if err != nil {
					return err
				}
				got <- string(b[:k])
			}
			return nil
		}))
		p.send(masked(frame.Fragment(frame.OpText, false, []byte("whole"))), masked(frame.Fragment(frame.OpContinuation, false, []byte(" line\n"))), masked(frame.Ping(nil)))
		require.Equal(w, frame.OpPong, p.frame().Opcode)
		close(arrived)
		assert.Equal(w, "whole line\n", <-got)
		p.send(masked(frame.Fragment(frame.OpContinuation, true, []byte("more"))))
		assert.Equal(w, "more", <-got)
		p.closes(frame.Normal)
	})
}

// A stream that ends in the middle of a message has not ended well, whatever the Close says.
func TestNetConnEndsWithinAMessage(t *testing.T) {
	for name, end := range map[string]func(p *peer){
		"a Close": func(p *peer) { p.send(masked(frame.Close(frame.Normal, ""))); p.half() },
		"a reset": func(p *peer) { p.reset() },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, bare)
			p, server := w.streaming(nil, frame.OpBinary)
			p.send(masked(frame.Fragment(frame.OpBinary, false, []byte("half"))))
			got := make([]byte, 10)
			n, err := server.Read(got)
			require.NoError(w, err)
			assert.Equal(w, "half", string(got[:n]))
			end(p)
			for range 2 {
				_, err = server.Read(got)
				require.Error(w, err)
				assert.NotErrorIs(w, err, io.EOF)
				assert.ErrorAs(w, err, new(*CloseError))
				if name == "a Close" {
					assert.ErrorIs(w, err, io.ErrUnexpectedEOF)
				}
			}
		})
	}
}

// A message of the other type is told, or passed over, however long it is; the stream goes on behind it.
func TestNetConnOfTheOtherType(t *testing.T) {
	for _, skip := range []bool{false, true} {
		w := newWorld(t, bare)
		p, server := w.streaming(&Options{SkipOthers: skip}, frame.OpBinary)
		p.send(masked(frame.Binary([]byte("a"))), masked(frame.Text("other")))
		p.send(masked(frame.Fragment(frame.OpText, false, []byte("be"))), masked(frame.Fragment(frame.OpContinuation, true, []byte("ginning"))), masked(frame.Binary([]byte("b"))))
		var got []byte
		var others []string
		for b := make([]byte, 10); len(got) < 2; {
			n, err := server.Read(b)
			got = append(got, b[:n]...)
			var other *MessageTypeError
			if errors.As(err, &other) {
				others = append(others, other.Message.String())
				assert.Equal(w, frame.OpText, other.Message.Opcode)
			} else {
				require.NoError(w, err)
			}
		}
		assert.Equal(w, "ab", string(got))
		if skip {
			assert.Empty(w, others)
		} else {
			assert.Equal(w, []string{"other", "be"}, others)
		}
	}
}

// A compressed message of any length is one too, however small it is on the wire.
func TestNetConnInflates(t *testing.T) {
	w := newWorld(t, bare)
	o := &Options{Compression: new(pipeline.Compression)}
	made := make(chan net.Conn)
	c := w.open(w.session(o, func(_ context.Context, c *Conn) error {
		n := c.NetConn(frame.OpBinary)
		c.Options()
		made <- n
		<-c.Done()
		return nil
	}), o)
	server := <-made
	const size = 10 << 20
	go func() {
		out, err := c.Writer(w.Context(), frame.OpBinary)
		assert.NoError(w, err)
		for b, n := make([]byte, 1<<20), 0; n < size; n += len(b) {
			_, err := out.Write(b)
			assert.NoError(w, err)
		}
		assert.NoError(w, out.Close())
		c.Close(frame.Normal, "")
	}()
	n, err := io.Copy(io.Discard, server)
	require.NoError(w, err)
	assert.EqualValues(w, size, n)
}

// Who closes text within a character is told, and so is the peer.
func TestNetConnClosedWithinACharacter(t *testing.T) {
	w := newWorld(t, bare)
	client, server := w.netConns(frame.OpText)
	n, err := client.Write([]byte("a€"[:3]))
	require.NoError(w, err)
	assert.Equal(w, 3, n)
	closed := make(chan error)
	go func() { closed <- client.Close() }()
	got, err := io.ReadAll(server)
	assert.ErrorContains(w, <-closed, "within a character, of which 2 bytes are not sent")
	assert.Equal(w, "a", string(got))
	assert.Equal(w, frame.InvalidPayload, CloseCode(err))
}

// Nobody else may receive, and limits that are set again count again.
func TestNetConnIsTheOnlyReader(t *testing.T) {
	w := newWorld(t, bare)
	p, server := w.streaming(&Options{CloseTimeout: 5 * soon}, frame.OpBinary)
	c := server.(*netConn).Conn
	assert.EqualValues(w, -1, c.Options().MaxMessage)
	assert.True(w, c.Options().Stream)
	p.send(masked(frame.Binary([]byte("for the net.Conn"))))
	_, receive := c.Receive(w.within())
	_, _, reader := c.Reader(w.within())
	_, text := c.ReceiveText(w.within())
	for name, err := range map[string]error{
		"Receive": receive, "Reader": reader, "ReceiveText": text, "ReceiveJSON": c.ReceiveJSON(w.within(), new(int)),
		"Reply": c.Reply(w.within(), 2, func(context.Context, *frame.Frame) (*frame.Frame, error) { return nil, nil }),
		"Serve": c.Serve(w.within(), nil, nil),
	} {
		assert.ErrorIs(w, err, ErrNetConn, name)
	}
	got := make([]byte, 100)
	n, err := server.Read(got)
	require.NoError(w, err)
	assert.Equal(w, "for the net.Conn", string(got[:n]))
	c.SetOptions(&SetOptions{MaxMessage: 10})
	assert.EqualValues(w, 10, c.Options().MaxMessage)
	p.send(masked(frame.Binary(make([]byte, 11))))
	p.closes(frame.TooBig)
	p.half()
	_, err = server.Read(got)
	assert.Equal(w, frame.TooBig, CloseCode(err))
}
