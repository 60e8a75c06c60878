package sockettest

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// NoLeaks requires that when the test ends, no goroutine, no descriptor and no actor of the systems
// is left that was not there when NoLeaks was called: call it first of all. It waits for a while for
// those that are about to end, and names those that have not.
//
// Descriptors are looked at where the system lists them, under /proc/self/fd or /dev/fd. Tests that
// run in parallel with this one would be taken for leaks. A bubble of testing/synctest looks after
// its goroutines itself: there NoLeaks looks at actors only.
func NoLeaks(t testing.TB, systems ...*actor.ActorSystem) {
	t.Helper()
	noLeaks(t, 5*time.Second, systems)
}

func noLeaks(t testing.TB, wait time.Duration, systems []*actor.ActorSystem) {
	t.Helper()
	before := count(systems)
	t.Cleanup(func() {
		t.Helper()
		if t.Failed() {
			return // what has failed has ended in the middle
		}
		left := before.since(count(systems))
		for late := time.Now().Add(wait); len(left) > 0 && time.Now().Before(late); left = before.since(count(systems)) {
			time.Sleep(10 * time.Millisecond)
		}
		if len(left) > 0 {
			t.Errorf("sockettest: the test has left behind:\n\t%s", strings.Join(left, "\n\t"))
		}
	})
}

// census is what there is, by a name that is not used twice. What is known of it is for the reader.
type census map[string]string

func count(systems []*actor.ActorSystem) census {
	c := census{}
	if !inBubble() {
		c.goroutines()
		c.descriptors()
	}
	for _, s := range systems {
		for _, bucket := range s.ProcessRegistry.LocalPIDs.LocalPIDs {
			bucket.IterCb(func(id string, process any) {
				if _, ok := process.(*actor.ActorProcess); ok { // others are the system's own, and futures
					c["actor "+id] = "of the system " + s.Address()
				}
			})
		}
	}
	return c
}

// since lists what is in now and not in c.
func (c census) since(now census) (left []string) {
	for _, name := range slices.Sorted(maps.Keys(now)) {
		if _, known := c[name]; !known {
			left = append(left, name+": "+now[name])
		}
	}
	return left
}

func (c census) goroutines() {
	b := make([]byte, 1<<20)
	n := runtime.Stack(b, true)
	for n == len(b) {
		b = make([]byte, 2*len(b))
		n = runtime.Stack(b, true)
	}
	for stack := range bytes.SplitSeq(b[:n], []byte("\n\n")) {
		name, rest, _ := strings.Cut(string(stack), " [")
		if !strings.Contains(rest, "testing.(*T).Run(") && !strings.Contains(rest, "os/signal.") { // of the tests around
			c[name] = "[" + summary(rest)
		}
	}
}

// summary is the functions of a stack, the first of which says most.
func summary(stack string) string {
	lines := strings.Split(stack, "\n")
	text := strings.TrimSuffix(lines[0], ":")
	for i, line := range lines[1:] {
		if i%2 == 0 && i < 12 || strings.HasPrefix(line, "created by ") {
			if at := strings.LastIndex(line, "("); at > 0 && !strings.HasPrefix(line, "created by ") {
				line = line[:at]
			}
			text += "\n\t\t" + line
		}
	}
	return text
}

func (c census) descriptors() {
	for _, dir := range []string{"/proc/self/fd", "/dev/fd"} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue
		}
		for _, e := range entries {
			to, err := os.Readlink(filepath.Join(dir, e.Name()))
			if err == nil && !strings.HasSuffix(to, "/fd") { // that of the directory itself
				c[fmt.Sprintf("descriptor %s, %s", e.Name(), to)] = "open"
			} else if err != nil && dir == "/dev/fd" {
				c["descriptor "+e.Name()] = "open"
			}
		}
		return
	}
}
