package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets"
)

// A Case is one column of the matrix: our half of a conversation, and what else
// must be true of it.
type Case struct {
	name, title string
	options     sockets.Options
	secure      bool // over TLS, so that there is no wire to look at

	run    func(context.Context, *talk) error // our half, up to the end
	seen   []string                           // the messages that the peer reports
	code   int                                // of the Close that the peer reports; 0: 1000 "done"
	reason string
	wire   func(*wire) error // nil: no more than wire.check
}

// marker is a word that TLS must hide.
const marker = "spindrift-marker"

var cases = []Case{
	echoes("text", "text", frame.Text("hello, "+marker), frame.Text("grüße, 世界 🌊")),
	echoes("binary", "binary", frame.Binary(everyByte())),
	echoes("empty", "empty", frame.Text(""), frame.Binary(nil), frame.Text("")),
	echoes("mib", "1 MiB", frame.Binary(noise(1<<20)), frame.Text(strings.Repeat("世界🌊abcdef", 1<<16))),
	fragmentsTo(),
	fragmentsFrom(),
	pingTo(),
	pingFrom(),
	closeTo(),
	closeFrom(),
	subprotocol(),
	deflate(),
	takeover(),
	mixed(),
	notOurs(),
	notTheirs(),
	secure(),
}

// echoes is a case in which the peer echoes messages and we close.
func echoes(name, title string, all ...*frame.Frame) Case {
	c := Case{name: name, title: title, seen: reported(all)}
	c.run = func(ctx context.Context, t *talk) error {
		if err := t.echoed(ctx, all...); err != nil {
			return err
		}
		return t.leave(ctx)
	}
	return c
}

// reported is how a peer reports messages.
func reported(all []*frame.Frame) (lines []string) {
	for _, m := range all {
		kind := "binary"
		if m.Opcode == frame.OpText {
			kind = "text"
		}
		lines = append(lines, fmt.Sprintf("%s %d", kind, len(m.Payload)))
	}
	return lines
}

// fragmentsTo sends a text that is cut inside a rune, with an empty piece in it.
func fragmentsTo() Case {
	const text = "fragments of 世界"
	cuts := []string{text[:9], "", text[9:14], text[14:]}
	c := Case{name: "fragments-to", title: "fragments to", seen: []string{"text 19"}}
	c.run = func(ctx context.Context, t *talk) error {
		for i, piece := range cuts {
			op := frame.OpContinuation
			if i == 0 {
				op = frame.OpText
			}
			t.send(frame.Fragment(op, i == len(cuts)-1, []byte(piece)))
		}
		if err := t.wantFrame(ctx, frame.Text(text)); err != nil {
			return err
		}
		return t.leave(ctx)
	}
	c.wire = func(w *wire) error {
		if m := messages(w.ours()); len(m) != 1 || m[0].frames != len(cuts) {
			return fmt.Errorf("wire: we sent %v", m)
		}
		return nil
	}
	return c
}

func fragmentsFrom() Case {
	all := []*frame.Frame{
		frame.Text(strings.Repeat("fragments of the peer's. ", 8)),
		frame.Binary(noise(1000)),
	}
	c := echoes("fragments-from", "fragments from", all...)
	c.wire = func(w *wire) error {
		for _, m := range messages(w.theirs()) {
			if m.frames < 2 {
				return errors.New("wire: a message of the peer's is one frame")
			}
		}
		return nil
	}
	return c
}

func pingTo() Case {
	c := Case{name: "ping-to", title: "ping to", seen: []string{"text 5"}}
	c.run = func(ctx context.Context, t *talk) error {
		for _, payload := range []string{"there?", ""} {
			t.send(frame.Ping([]byte(payload)))
			if err := t.wantTrip(ctx, payload); err != nil {
				return err
			}
		}
		if err := t.echoed(ctx, frame.Text("still")); err != nil {
			return err
		}
		return t.leave(ctx)
	}
	c.wire = func(w *wire) error {
		if got := control(w.theirs(), opPong); len(got) != 2 || got[0] != "there?" || got[1] != "" {
			return fmt.Errorf("wire: pongs %q", got)
		}
		return nil
	}
	return c
}

// pingFrom is echoed when the peer has had its Pong; the Ping is not shown to us.
func pingFrom() Case {
	c := echoes("ping-from", "ping from", frame.Text("ping me"))
	c.wire = func(w *wire) error {
		pings, pongs := control(w.theirs(), opPing), control(w.ours(), opPong)
		if len(pings) != 1 || len(pongs) != 1 || pings[0] != pongs[0] || pings[0] == "" {
			return fmt.Errorf("wire: pings %q, pongs %q", pings, pongs)
		}
		return nil
	}
	return c
}

func closeTo() Case {
	const reason = "enough, grüße"
	c := Case{name: "close-to", title: "close to", seen: []string{"text 4"}, code: 4001, reason: reason}
	c.run = func(ctx context.Context, t *talk) error {
		if err := t.echoed(ctx, frame.Text("last")); err != nil {
			return err
		}
		t.send(frame.Close(4001, reason))
		return t.wantClosed(ctx, sockets.Closed{Code: 4001, Reason: reason, Clean: true, By: sockets.Local})
	}
	c.wire = func(w *wire) error { return closes(w.ours(), w.theirs(), "\x0f\xa1"+reason) }
	return c
}

func closeFrom() Case {
	c := Case{name: "close-from", title: "close from", seen: []string{"text 5"}, code: 1000, reason: "bye"}
	c.run = func(ctx context.Context, t *talk) error {
		t.send(frame.Text("leave"))
		return t.wantClosed(ctx, sockets.Closed{Code: frame.Normal, Reason: "bye", Clean: true, By: sockets.Peer})
	}
	c.wire = func(w *wire) error { return closes(w.theirs(), w.ours(), "\x03\xe8bye") }
	return c
}

// closes checks the Close of the side that began, and that the other answered
// with the same code.
func closes(first, answer []wireFrame, payload string) error {
	a, b := control(first, opClose), control(answer, opClose)
	if len(a) != 1 || len(b) != 1 || a[0] != payload || len(b[0]) < 2 || b[0][:2] != payload[:2] {
		return fmt.Errorf("wire: closes %q, answered %q", a, b)
	}
	return nil
}

// subprotocol has us offer, or choose, the one that both know. A peer that is the
// server prefers chat.v2, which is our second.
func subprotocol() Case {
	c := echoes("subprotocol", "subprotocol", frame.Text("over chat.v2"))
	c.options.Subprotocols = []string{"chat.v3", "chat.v2"}
	inner := c.run
	c.run = func(ctx context.Context, t *talk) error {
		if t.hello.Subprotocol != "chat.v2" {
			return fmt.Errorf("we have subprotocol %q", t.hello.Subprotocol)
		}
		return inner(ctx, t)
	}
	c.wire = func(w *wire) error {
		if got := w.response.Header["Sec-Websocket-Protocol"]; len(got) != 1 || got[0] != "chat.v2" {
			return fmt.Errorf("wire: subprotocol %q", got)
		}
		return nil
	}
	return c
}

func secure() Case {
	c := echoes("tls", "TLS", frame.Text("hidden: "+marker), frame.Binary(noise(100<<10)))
	c.secure = true
	return c
}
