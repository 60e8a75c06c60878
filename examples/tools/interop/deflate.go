package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
)

// deflate compresses whole messages, and one that we send in fragments.
func deflate() Case {
	long := prose(300 << 10)
	all := []*frame.Frame{frame.Text(prose(20 << 10)), frame.Binary([]byte(long)), frame.Text(prose(5000))}
	c := Case{name: "deflate", title: "deflate", seen: append(reported(all), "text 20000")}
	c.options.Compression = &pipeline.Compression{}
	c.run = compressed(func(ctx context.Context, t *talk) error {
		if err := t.echoed(ctx, all...); err != nil {
			return err
		}
		half := []byte(long[:10000])
		t.send(frame.Fragment(frame.OpText, false, half), frame.Fragment(frame.OpContinuation, true, half))
		if err := t.wantFrame(ctx, frame.Text(string(half)+string(half))); err != nil {
			return err
		}
		return t.leave(ctx)
	})
	c.wire = func(w *wire) error {
		return smaller(w, []int{20 << 10, 300 << 10, 5000, 20000})
	}
	return c
}

// mixed sends messages that are not compressed where others are.
func mixed() Case {
	all := []*frame.Frame{frame.Binary(noise(2000)), frame.Text(prose(2000)), frame.Text("short"), frame.Text(prose(2000))}
	c := echoes("mixed", "deflate some", all...)
	c.options.Compression = &pipeline.Compression{ContextTakeover: true}
	c.run = compressed(c.run)
	c.wire = func(w *wire) error {
		for i, m := range messages(w.ours()) {
			if m.compressed != (i%2 == 1) {
				return fmt.Errorf("wire: we sent %v", messages(w.ours()))
			}
		}
		return nil
	}
	return c
}

// takeover sends a text again that has hardly a repetition in it, and fits every window:
// the second time it is little but a reference to the first.
func takeover() Case {
	text := ""
	for id := range slices.Chunk(noise(800), 8) {
		text += fmt.Sprintf("sailor %x\n", id)
	}
	c := echoes("takeover", "context takeover", frame.Text(text), frame.Text(text), frame.Text(text))
	c.options.Compression = &pipeline.Compression{ContextTakeover: true}
	c.run = compressed(c.run)
	c.wire = func(w *wire) error {
		if err := smaller(w, []int{len(text), len(text), len(text)}); err != nil {
			return err
		}
		side := "server_no_context_takeover"
		if w.oursIsFirst {
			side = "client_no_context_takeover"
		}
		ours := messages(w.ours())
		if kept := !strings.Contains(w.agreed(), side); kept && ours[1].size > ours[0].size/4 {
			return fmt.Errorf("wire: takeover was agreed on and we sent %v", ours)
		}
		return nil
	}
	return c
}

// compressed is run where permessage-deflate was agreed on.
func compressed(run func(context.Context, *talk) error) func(context.Context, *talk) error {
	return func(ctx context.Context, t *talk) error {
		if !t.hello.Compressed {
			return errors.New("permessage-deflate was not agreed on")
		}
		return run(ctx, t)
	}
}

// smaller checks that messages of those sizes went compressed, both ways.
func smaller(w *wire, sizes []int) error {
	for _, side := range []struct {
		name string
		all  []wireMessage
	}{{"we", messages(w.ours())}, {"the peer", messages(w.theirs())}} {
		if len(side.all) != len(sizes) {
			return fmt.Errorf("wire: %s sent %v", side.name, side.all)
		}
		for i, m := range side.all {
			if !m.compressed || m.size > sizes[i]*4/5 {
				return fmt.Errorf("wire: of %v bytes %s sent %v", sizes, side.name, side.all)
			}
		}
	}
	return nil
}

// notOurs leaves compression off on our side, with a peer that would do it.
func notOurs() Case {
	c := echoes("off", "deflate off", frame.Text(prose(5000)))
	c.run, c.wire = uncompressed(c.run), flat
	return c
}

// notTheirs has us willing and the peer not.
func notTheirs() Case {
	c := echoes("declined", "deflate declined", frame.Text(prose(5000)))
	c.options.Compression = &pipeline.Compression{}
	c.run, c.wire = uncompressed(c.run), flat
	return c
}

func uncompressed(run func(context.Context, *talk) error) func(context.Context, *talk) error {
	return func(ctx context.Context, t *talk) error {
		if t.hello.Compressed {
			return errors.New("permessage-deflate was agreed on")
		}
		return run(ctx, t)
	}
}

// flat checks that nothing was compressed.
func flat(w *wire) error {
	if got := w.agreed(); got != "" {
		return fmt.Errorf("wire: extension %q", got)
	}
	for _, m := range append(messages(w.ours()), messages(w.theirs())...) {
		if m.compressed || m.size != 5000 {
			return fmt.Errorf("wire: %v", m)
		}
	}
	return nil
}
