package sockets

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// veil is an extension that adds key to every byte of a message, and marks it with a bit.
func veil(name string, bit byte, key byte) pipeline.Extension {
	stage := func(up, down pipeline.Sink) (onUp, onDown pipeline.Sink) {
		veiled := false
		onUp = func(item any) {
			f, ok := item.(*frame.Frame)
			if !ok || f.Opcode.Control() {
				up(item)
				return
			}
			if f.Opcode != frame.OpContinuation {
				veiled = f.RSV&bit != 0
			}
			up(shifted(f, f.RSV&^bit, veiled, -key))
		}
		onDown = func(item any) {
			f, ok := item.(*frame.Frame)
			if !ok || f.Opcode.Control() {
				down(item)
				return
			}
			rsv := f.RSV
			if f.Opcode != frame.OpContinuation {
				rsv |= bit
			}
			g := shifted(f, rsv, true, key)
			f.Sent()
			down(g)
		}
		return onUp, onDown
	}
	return pipeline.Extension{
		Name: name,
		RSV:  bit,
		Offer: func() []pipeline.Params {
			return []pipeline.Params{{{Name: "key", Value: "bad"}}, {{Name: "key", Value: "good"}}}
		},
		Accept: func(offered pipeline.Params) (pipeline.Params, pipeline.Stage, bool) {
			value, _ := offered.Get("key")
			return offered, stage, value == "good"
		},
		Agree: func(answer pipeline.Params) (pipeline.Stage, error) {
			if value, _ := answer.Get("key"); value != "good" {
				return nil, errors.New("a key that was not offered")
			}
			return stage, nil
		},
	}
}

func shifted(f *frame.Frame, rsv byte, shift bool, by byte) *frame.Frame {
	g := frame.New(f.Opcode, len(f.Payload))
	g.Fin, g.RSV = f.Fin, rsv
	for _, b := range f.Payload {
		if shift {
			b += by
		}
		g.Payload = append(g.Payload, b)
	}
	return g
}

// An extension of the program's own is negotiated in both roles, has its bit on the wire, and
// its stage does what it says to messages whole, in fragments and compressed. What was agreed
// on is listed.
func TestExtensionOfOnesOwn(t *testing.T) {
	for name, test := range map[string]struct {
		client, server Options
		want           []string
	}{
		"alone":        {Options{Extensions: []pipeline.Extension{veil("veil", frame.RSV2, 7)}}, Options{Extensions: []pipeline.Extension{veil("veil", frame.RSV2, 7)}}, []string{"veil; key=good"}},
		"two":          {Options{Extensions: []pipeline.Extension{veil("veil", frame.RSV2, 7), veil("over", frame.RSV3, 1)}}, Options{Extensions: []pipeline.Extension{veil("over", frame.RSV3, 1), veil("veil", frame.RSV2, 7)}}, []string{"veil; key=good", "over; key=good"}},
		"with deflate": {Options{Compression: &pipeline.Compression{Threshold: -1}, Extensions: []pipeline.Extension{veil("veil", frame.RSV2, 7)}}, Options{Compression: &pipeline.Compression{Threshold: -1}, Extensions: []pipeline.Extension{veil("veil", frame.RSV2, 7)}}, []string{"veil; key=good", "permessage-deflate; server_no_context_takeover; client_no_context_takeover"}},
		"not served":   {Options{Extensions: []pipeline.Extension{veil("veil", frame.RSV2, 7)}}, Options{}, nil},
		"not offered":  {Options{}, Options{Extensions: []pipeline.Extension{veil("veil", frame.RSV2, 7)}}, nil},
	} {
		sampled(t, func(w *world) {
			w.in(name, func(w *world) {
				listed := make(chan []string, 1)
				addr := w.session(&test.server, func(ctx context.Context, c *Conn) error {
					listed <- c.Extensions()
					return echoes(ctx, c)
				})
				c := w.open(addr, &test.client)
				assert.Equal(w, test.want, c.Extensions())
				assert.Equal(w, test.want, <-listed)
				long := strings.Repeat("long and longer ", 10_000)
				for _, text := range []string{"", "short", long} {
					require.NoError(w, c.SendText(w.within(), text))
					got, err := c.ReceiveText(w.within())
					require.NoError(w, err)
					assert.Equal(w, text, got)
				}
				writer, err := c.Writer(w.within(), frame.OpText)
				require.NoError(w, err)
				_, err = writer.Write([]byte(long))
				require.NoError(w, err)
				require.NoError(w, writer.Close())
				got, err := c.ReceiveText(w.within())
				require.NoError(w, err)
				assert.Equal(w, long, got)
				require.NoError(w, c.Close(frame.Normal, ""))
			})
		})
	}
}

// The bit is on the wire, and nothing but the extension's: a frame with another ends the
// connection with 1002. Text is checked behind the extension. Actors are told the list.
func TestExtensionOnTheWire(t *testing.T) {
	everywhere(t, func(w *world) {
		h := w.spawned(echo)
		addr := w.websocket(&UpgradeServer{Spawn: h.props, Options: &Options{Extensions: []pipeline.Extension{veil("veil", frame.RSV2, 1)}}})
		p := w.dial(addr)
		p.send(handshake(addr, "Sec-WebSocket-Extensions: veil; key=good"))
		p.bytes(switched("Sec-WebSocket-Extensions: veil; key=good"))
		_, u := h.upgraded()
		assert.Equal(w, []string{"veil; key=good"}, u.Extensions)
		assert.False(w, u.Compressed)
		p.send(masked(veiled("ij")))
		h.text("hi")
		got := p.frame()
		assert.Equal(w, frame.RSV2, got.RSV)
		assert.Equal(w, "ij", got.String())
		p.send(masked(veiled("\x00"))) // 0xFF without its veil
		p.closes(frame.InvalidPayload)
		p.Close()
		assert.Equal(w, frame.InvalidPayload, h.untilClosed().Code)
	})
}

func veiled(text string) *frame.Frame {
	f := frame.Text(text)
	f.RSV = frame.RSV2
	return f
}

// A server whose extension cannot be made, because code of the program's panics or answers
// with what no header may have, answers 500.
func TestExtensionThatCannotBeMade(t *testing.T) {
	for name, accept := range map[string]func(pipeline.Params) (pipeline.Params, pipeline.Stage, bool){
		"a panic": func(pipeline.Params) (pipeline.Params, pipeline.Stage, bool) { panic("no extension") },
		"no token": func(pipeline.Params) (pipeline.Params, pipeline.Stage, bool) {
			return pipeline.Params{{Name: "a b"}}, nil, true
		},
		"a stage that panics": func(pipeline.Params) (pipeline.Params, pipeline.Stage, bool) {
			return nil, func(_, _ pipeline.Sink) (pipeline.Sink, pipeline.Sink) { panic("no stage") }, true
		},
		"line break": func(pipeline.Params) (pipeline.Params, pipeline.Stage, bool) {
			return pipeline.Params{{Name: "a", Value: "\r\nX: y"}}, nil, true
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, bare)
			addr := w.session(&Options{Extensions: []pipeline.Extension{{Name: "x", Accept: accept}}}, echoes)
			p := w.dial(addr)
			p.send(handshake(addr, "Sec-WebSocket-Extensions: x"))
			assert.Equal(w, http.StatusInternalServerError, p.answer(http.MethodGet).StatusCode)
		})
	}
}

// A client that is told of what it has not offered, or not on these terms, says so.
func TestExtensionTheServerMadeUp(t *testing.T) {
	for answer, why := range map[string]string{
		"veil; key=bad": `a key that was not offered: "veil; key=bad"`,
		"other":         `server chose an extension that was not offered: "other"`,
	} {
		t.Run(answer, func(t *testing.T) {
			w := newWorld(t, bare)
			l := w.listen()
			defer l.Close()
			go func() {
				nc, err := l.Accept()
				if err != nil {
					return
				}
				defer nc.Close()
				r, err := http.ReadRequest(bufio.NewReader(nc))
				if err != nil {
					return
				}
				fmt.Fprintf(nc, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\nSec-WebSocket-Extensions: %s\r\n\r\n",
					AcceptKey(r.Header.Get("Sec-WebSocket-Key")), answer)
				io.Copy(io.Discard, nc)
			}()
			_, err := Dial(w.within(), "ws://"+l.Addr().String(), &DialOptions{System: w.system, Options: &Options{Extensions: []pipeline.Extension{veil("veil", frame.RSV2, 1)}}})
			var refused *HandshakeError
			require.ErrorAs(w, err, &refused)
			assert.Equal(w, why, refused.Why)
		})
	}
	_, err := Dial(context.Background(), "ws://127.0.0.1:1", &DialOptions{Options: &Options{Extensions: []pipeline.Extension{{Name: "a b", Agree: veil("", 0, 0).Agree}}}})
	assert.ErrorContains(t, err, `extension "a b": names and values must be tokens`)
}
