// Command interop plays our server and our client against other implementations
// of WebSocket, behind proxies and under slow attackers, and makes a table.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/sockets"
)

// run is one run of the program.
type run struct {
	cases, peers choice
	system       *actor.ActorSystem
	authority    *authority
	dir          string // for what lives as long as the run
	portable     bool   // our ends of the matrix have a goroutine each in place of the poller
	picture      string // where to put the page's; "": nowhere
	out          io.Writer
}

func main() {
	r := &run{out: os.Stdout}
	dir, err := r.parse(os.Args[1:])
	switch {
	case err == flag.ErrHelp:
		return
	case err != nil:
		fmt.Fprintf(os.Stderr, "interop: %v (-help lists the flags)\n", err)
		os.Exit(2)
	}
	if err := r.all(dir); err != nil {
		fmt.Fprintln(os.Stderr, "interop:", err)
		os.Exit(1)
	}
}

func (r *run) parse(args []string) (dir string, err error) {
	flags := flag.NewFlagSet("interop", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	r.peers.known, r.cases.known = names()
	flags.Var(&r.peers, "peers", "`LIST` of peers, with commas: "+strings.Join(r.peers.known, ", ")+"; all if empty")
	flags.Var(&r.cases, "cases", "`LIST` of cases, with commas: "+strings.Join(r.cases.known, ", ")+"; all if empty")
	flags.StringVar(&dir, "out", "", "`DIR` for results.md, in which tables that this run leaves out are kept; if empty, here, and only when all peers have run")
	flags.BoolVar(&r.portable, "portable", false, "a goroutine for each of our connections instead of the poller; no results.md unless -out says where")
	flags.StringVar(&r.picture, "picture", "", "`FILE` for a picture of the page, a PNG; none if empty")
	if err = flags.Parse(args); err == flag.ErrHelp {
		fmt.Println("usage: interop [flags]")
		flags.SetOutput(os.Stdout)
		flags.PrintDefaults()
	} else if err == nil && flags.NArg() > 0 {
		err = fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	return dir, err
}

// names lists what can be chosen.
func names() (allPeers, allCases []string) {
	for _, p := range peers {
		allPeers = append(allPeers, p.name)
	}
	for _, p := range proxies {
		allPeers = append(allPeers, p.name)
	}
	allPeers = append(allPeers, "firefox", "wsproto", "nghttpx")
	for _, c := range cases {
		allCases = append(allCases, c.name)
	}
	return append(allPeers, "slowhttptest"), append(allCases, "page", "chat", "proxy", "http2", "slow")
}

// A choice is a list of known names; an empty one is all of them.
type choice struct{ known, chosen []string }

func (c *choice) String() string { return strings.Join(c.chosen, ",") }

func (c *choice) Set(list string) error {
	for name := range strings.FieldsFuncSeq(list, func(r rune) bool { return r == ',' || r == ' ' }) {
		if !slices.Contains(c.known, name) {
			return fmt.Errorf("%q is none of %s", name, strings.Join(c.known, ", "))
		}
		c.chosen = append(c.chosen, name)
	}
	return nil
}

func (c *choice) has(name string) bool {
	return len(c.chosen) == 0 || slices.Contains(c.chosen, name)
}

func (r *run) say(text string) { fmt.Fprintln(r.out, "  "+text) }

// row begins a row of a table.
func (r *run) row(name string) *row {
	fmt.Fprintln(r.out, name)
	return &row{run: r, name: name, cells: map[string]cell{}}
}

// all runs what was chosen and writes the tables.
func (r *run) all(dir string) error {
	if _, err := os.Stat(folder("protocol")); err != nil {
		return errors.New("run it in its own folder, examples/tools/interop")
	}
	interrupted, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	context.AfterFunc(interrupted, func() {
		stop() // a second Ctrl-C kills
		cancel(errInterrupted)
	})
	temporary, err := os.MkdirTemp("", "spindrift-interop-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temporary)
	r.dir = temporary
	if r.authority, err = newAuthority(r.dir); err != nil {
		return err
	}
	r.system = sockets.NewSystem()
	defer r.system.Shutdown()

	var tables []*table
	for _, part := range []func(context.Context) *table{r.matrix, r.page, r.chat, r.proxy, r.http2, r.http2Proxies, r.slow} {
		if ctx.Err() == nil {
			tables = append(tables, part(ctx))
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return r.results(dir, tables)
}

// results prints the tables, writes them, and is an error if a cell is bad.
func (r *run) results(dir string, tables []*table) error {
	if dir == "" && !r.portable && len(r.peers.chosen) == 0 {
		dir = "."
	}
	name := filepath.Join(dir, "results.md")
	old, _ := os.ReadFile(name)
	file := new(bytes.Buffer)
	fmt.Fprintf(file, "# Interoperability\n\nMade by `make interop`, the last of it on %s. "+
		"✓: messages, closes and what was on the wire are exactly as they should be.\n\n", time.Now().Format(time.DateOnly))
	good, bad, skipped := 0, 0, 0
	for _, t := range tables {
		t.plain(r.out)
		if t.complete() {
			t.markdown(file)
		} else {
			file.WriteString(section(string(old), t.title))
		}
		g, b, s := t.count()
		good, bad, skipped = good+g, bad+b, skipped+s
	}
	fmt.Fprintf(r.out, "%d good, %d bad, %d rows skipped\n", good, bad, skipped)
	if dir != "" {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(name, append(bytes.TrimRight(file.Bytes(), "\n"), '\n'), 0o644); err != nil {
			return err
		}
		fmt.Fprintln(r.out, "written to", name)
	}
	if bad > 0 {
		return fmt.Errorf("%d cells are bad", bad)
	}
	if good == 0 {
		return errors.New("nothing has run")
	}
	return nil
}
