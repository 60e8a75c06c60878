package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// The exit statuses.
const (
	asExpected  = 0
	differs     = 1
	cannotJudge = 2
	interrupted = 130
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := judge(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// judge is the whole program: results go to out, what stands in their way to stderr.
func judge(ctx context.Context, args []string, out, stderr io.Writer) int {
	o, err := parseOptions(args, os.Getenv, out)
	if errors.Is(err, flag.ErrHelp) {
		return asExpected
	}
	var r *run
	if err == nil {
		r, err = setup(ctx, o)
	}
	if err != nil {
		if ctx.Err() != nil {
			return interrupted
		}
		fmt.Fprintln(stderr, "judge:", err)
		return cannotJudge
	}
	defer os.RemoveAll(r.tempDir)

	passed, failed, broken := 0, 0, false
	for _, role := range o.roles {
		good, bad, err := r.try(ctx, role, out)
		if ctx.Err() != nil {
			fmt.Fprintln(stderr, "judge: interrupted")
			return interrupted
		}
		if err != nil {
			for line := range strings.Lines(err.Error()) {
				fmt.Fprintf(stderr, "judge: %s: %s\n", role, strings.TrimSpace(line))
			}
			broken = true
		}
		passed, failed = passed+good, failed+bad
	}
	if !o.update {
		fmt.Fprintf(out, "%d passed, %d failed\n", passed, failed)
	}
	if broken || failed > 0 {
		return differs
	}
	return asExpected
}

// A run is what both roles share: where things are, and what is to be judged.
type run struct {
	options  *options
	engine   engine
	home     string              // the directory autobahn of the module
	tempDir  string              // removed at the end
	programs map[string]string   // role -> program to judge
	expected map[string]verdicts // role -> the committed verdicts
	chosen   map[string][]string // role -> cases to run
}

// setup finds or makes all of that. After an error there is nothing to judge.
func setup(ctx context.Context, o *options) (*run, error) {
	root, err := moduleRoot(ctx)
	if err != nil {
		return nil, err
	}
	home := filepath.Join(root, "autobahn")
	c := &run{
		options: o, home: home, programs: map[string]string{},
		expected: map[string]verdicts{}, chosen: map[string][]string{},
	}
	for _, role := range o.roles {
		if err := c.choose(role); err != nil {
			return nil, err
		}
	}

	c.engine = &kosoku{
		python:       o.python,
		environment:  filepath.Join(home, ".venv"),
		requirements: filepath.Join(home, "requirements.txt"),
		parallel:     o.parallel,
	}
	if o.docker {
		c.engine = original{}
	}
	if err := c.engine.prepare(ctx); err != nil {
		return nil, err
	}
	if c.tempDir, err = os.MkdirTemp("", "judge-"); err != nil {
		return nil, err
	}
	for _, role := range o.roles {
		if c.programs[role], err = c.program(ctx, root, role); err != nil {
			os.RemoveAll(c.tempDir)
			return nil, err
		}
	}
	return c, nil
}

// choose reads the expectation of a role and selects from its cases.
func (c *run) choose(role string) (err error) {
	path := c.expectation(role)
	c.expected[role], err = readExpectation(path)
	if errors.Is(err, fs.ErrNotExist) && c.options.update && c.options.selection.whole() {
		return nil
	}
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is missing: a whole run with -update writes it", shown(path))
	}
	if err != nil {
		return err
	}
	c.chosen[role], err = c.options.selection.choose(c.expected[role].cases())
	return err
}

// program returns the path of the program to judge, which it builds if it is ours.
func (c *run) program(ctx context.Context, root, role string) (string, error) {
	if given := c.options.programs[role]; given != "" {
		return filepath.Abs(given)
	}
	path := filepath.Join(c.tempDir, role+executableSuffix())
	build := exec.CommandContext(ctx, "go", "build", "-o", path, "./autobahn/"+role)
	build.Dir = root
	if said, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build ./autobahn/%s: %w\n%s", role, err, strings.TrimSpace(string(said)))
	}
	return path, nil
}

// try runs one role, prints its table and what differs, and returns how many cases passed and
// failed. With -update it accepts the verdicts instead.
func (c *run) try(ctx context.Context, role string, out io.Writer) (passed, failed int, err error) {
	chosen := c.chosen[role]
	t := &trial{
		engine:  c.engine,
		job:     job{role: role, dir: filepath.Join(c.home, "reports", role)},
		program: c.programs[role],
		total:   len(chosen),
		limit:   c.options.limit,
	}
	if !c.options.selection.whole() {
		t.job.cases = chosen
	}
	began := time.Now()
	r, problems, err := t.run(ctx)
	if err != nil {
		return 0, len(chosen), errors.Join(append(problems, err)...)
	}
	if chosen == nil {
		chosen = r.verdicts.cases()
	}

	title := fmt.Sprintf("%s: %d cases in %v", role, len(chosen), time.Since(began).Round(time.Second))
	printTable(out, title, chosen, r.verdicts)
	differing := compare(c.expected[role], r.verdicts, chosen)
	for _, d := range differing {
		fmt.Fprintf(out, "%s %s: expected %v, got %v", role, d.id, d.want, d.got)
		if page := r.pages[d.id]; page != "" {
			fmt.Fprintf(out, ", see %s", shown(page))
		}
		fmt.Fprintln(out)
	}
	err = errors.Join(problems...)
	if c.options.update {
		if err != nil {
			return 0, 0, fmt.Errorf("%w\nnothing is updated", err)
		}
		fmt.Fprintf(out, "%s: %d verdicts changed in %s\n", role, len(differing), shown(c.expectation(role)))
		return 0, 0, writeExpectation(c.expectation(role), update(c.expected[role], r.verdicts))
	}
	fmt.Fprintf(out, "%s: %d of %d as expected, reports in %s\n\n",
		role, len(chosen)-len(differing), len(chosen), shown(filepath.Join(t.job.dir, "index.html")))
	return len(chosen) - len(differing), len(differing), err
}

// expectation is the file of a role's verdicts. Over HTTP/2 a server is to be no different.
func (c *run) expectation(role string) string {
	if role == "http2" {
		role = "server"
	}
	return filepath.Join(c.home, "expected-"+role+".json")
}

// moduleRoot returns the directory of the go.mod above the current directory.
func moduleRoot(ctx context.Context) (string, error) {
	said, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("go env GOMOD: %w", err)
	}
	gomod := strings.TrimSpace(string(said))
	if _, err := os.Stat(filepath.Join(filepath.Dir(gomod), "autobahn", "requirements.txt")); err != nil {
		return "", errors.New("run it inside the spindrift module")
	}
	return filepath.Dir(gomod), nil
}

// shown returns a path the way a user standing here would type it.
func shown(path string) string {
	here, err := os.Getwd()
	if err != nil {
		return path
	}
	relative, err := filepath.Rel(here, path)
	if err != nil || len(relative) > len(path) {
		return path
	}
	return relative
}

func executableSuffix() string {
	if runtime.GOOS == "windows" {
		return ".exe"
	}
	return ""
}
