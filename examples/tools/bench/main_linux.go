// Command bench measures WebSocket servers side by side on this machine: each in turn on one core, the load on another.
//
//	go run .                                   # everything; it says at the start how long that takes
//	go run . -rows echo64,idle -contenders gorilla,gws -rounds 1 -duration 1s
//	go run . -peer 'uws=/opt/uws/echo {port}'
//
// It must run in its own directory, on Linux, and sends nothing beyond 127.0.0.1.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spindrift-go/spindrift/examples/tools/bench/load"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// orders are the command line.
type orders struct {
	rows, contenders string
	out, profiles    string
	peers            []string
	rounds           int
	duration, warmup time.Duration
	otherWarm        time.Duration
	binary           bool
	merge, noPeers   bool
	serverCore       int
	loadCore         int
}

func parse() orders {
	var o orders
	flag.StringVar(&o.rows, "rows", "", "comma-separated `IDS` of rows, all when empty: "+ids(rows()))
	flag.StringVar(&o.contenders, "contenders", "", "comma-separated `NAMES` of contenders, all when empty")
	flag.IntVar(&o.rounds, "rounds", 3, "how many times each contender is measured in each row")
	flag.DurationVar(&o.duration, "duration", 1500*time.Millisecond, "measured time")
	flag.DurationVar(&o.warmup, "warmup", 400*time.Millisecond, "load before the measured time, for Go")
	flag.DurationVar(&o.otherWarm, "other-warmup", time.Second, "load before the measured time, for other languages")
	flag.StringVar(&o.out, "out", "results", "`DIR` for "+markdownFile+", "+chartFile+" and "+dataFile)
	flag.BoolVar(&o.merge, "merge", false, "keep the rows that -out has already and this run does not measure")
	flag.StringVar(&o.profiles, "profiles", "", "`DIR` for CPU profiles of the Go servers, which cost them a little; none when empty")
	flag.BoolVar(&o.binary, "binary", false, "send binary messages, so that nobody checks UTF-8")
	flag.BoolVar(&o.noPeers, "go-only", false, "leave out the contenders in other languages")
	flag.IntVar(&o.serverCore, "server-core", -1, "the `NUMBER` of the core for servers; -1 is the first there is")
	flag.IntVar(&o.loadCore, "load-core", -1, "the `NUMBER` of the core for the load; -1 is the last there is")
	flag.Func("peer", "another server, as `'NAME=COMMAND {port}'`; may be repeated", func(spec string) error {
		o.peers = append(o.peers, spec)
		return nil
	})
	flag.Parse()
	return o
}

func ids(all []row) string {
	names := make([]string, len(all))
	for i, r := range all {
		names[i] = r.ID
	}
	return strings.Join(names, ", ")
}

func run(ctx context.Context) error {
	o := parse()
	chosen, err := choose(rows(), o.rows, func(r row) string { return r.ID })
	if err != nil {
		return err
	}
	contenders, err := gather(ctx, o)
	if err != nil {
		return err
	}
	for _, dir := range []string{o.out, o.profiles} {
		if dir == "" {
			continue
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	if err := checkLimits(chosen); err != nil {
		return err
	}
	if err := o.chooseCores(); err != nil {
		return err
	}
	facts := machine(runtime.NumCPU())
	if err := confine(o.loadCore); err != nil {
		return err
	}
	b := &bench{
		rounds: o.rounds, warmup: o.warmup, otherWarm: o.otherWarm, duration: o.duration, settle: time.Second,
		opcode: load.Text, serverCore: o.serverCore, oneCore: o.serverCore == o.loadCore, profiles: o.profiles, progress: say,
	}
	if o.binary {
		b.opcode = load.Binary
	}
	facts = append(facts, fmt.Sprintf("rounds: %d, of %v each, after %v of warm-up (%v for other languages); %s messages",
		o.rounds, o.duration, o.warmup, o.otherWarm, map[bool]string{false: "text", true: "binary"}[o.binary]))
	report := &report{Machine: facts}
	for _, c := range contenders {
		if slices.ContainsFunc(chosen, c.takes) {
			report.Contenders = append(report.Contenders, c)
		}
	}
	count, d := b.estimate(chosen, contenders)
	say(fmt.Sprintf("%d measurements, about %v", count, d.Round(10*time.Second)))
	for _, r := range chosen {
		res, err := b.run(ctx, r, contenders)
		if err != nil {
			return err
		}
		res.writeText(os.Stdout)
		report.Results = append(report.Results, res)
		if err := save(report, o); err != nil { // after every row, so that an interrupted run is not lost
			return err
		}
	}
	say("wrote " + filepath.Join(o.out, markdownFile) + " and " + chartFile)
	return nil
}

func (o *orders) chooseCores() error {
	cores, err := permittedCores()
	if err != nil {
		return err
	}
	if o.serverCore < 0 {
		o.serverCore = cores[0]
	}
	if o.loadCore < 0 {
		o.loadCore = cores[len(cores)-1]
	}
	if o.serverCore == o.loadCore {
		say("server and load share one core, and the figures will show that")
	}
	return nil
}

func save(r *report, o orders) error {
	if o.merge {
		old, err := readReport(o.out)
		if err != nil {
			return err
		}
		old.merge(r, rows())
		r = old
	}
	return r.write(o.out)
}

// gather builds every server that may be asked for.
func gather(ctx context.Context, o orders) ([]contender, error) {
	say("building the Go servers")
	dir, err := filepath.Abs("bin")
	if err != nil {
		return nil, err
	}
	all, err := goContenders(ctx, dir, o.profiles != "")
	if err != nil {
		return nil, err
	}
	if !o.noPeers {
		all = append(all, settleNeighbours(ctx, wanted(neighbours("peers"), o.contenders), say)...)
	}
	for _, spec := range o.peers {
		c, err := outsider(spec)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return choose(all, o.contenders, func(c contender) string { return c.Name })
}

// wanted leaves out what nobody asked for, so that it is not built.
func wanted(all []neighbour, names string) []neighbour {
	if names == "" {
		return all
	}
	return slices.DeleteFunc(all, func(n neighbour) bool { return !slices.Contains(strings.Split(names, ","), n.Name) })
}

// checkLimits fails early when the most connected row needs more descriptors than there may be.
func checkLimits(chosen []row) error {
	const others = 100
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	for _, r := range chosen {
		if uint64(r.Conns+others) > limit.Max {
			return fmt.Errorf("row %s needs %d descriptors, and ulimit -n allows %d", r.ID, r.Conns+others, limit.Max)
		}
	}
	return nil
}

func say(line string) { fmt.Fprintln(os.Stderr, line) }
