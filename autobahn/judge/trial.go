package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

const (
	// agent is the name under which our programs appear in the reports.
	agent = "spindrift"

	// The longest case gives a peer 480 seconds. An engine in which no case has begun or ended for
	// longer waits for something that will not come.
	silenceLimit = 9 * time.Minute

	// What an engine gets to write its report once its peer has gone.
	reportLimit = 60 * time.Second

	// What a program gets to listen.
	listenLimit = 30 * time.Second
)

// A trial is one role of one run.
type trial struct {
	engine  engine
	job     job
	program string // path of the program under test
	total   int    // cases to expect
	limit   time.Duration
}

// run lets the engine judge the program and returns what it wrote. The problems are what
// went wrong beside the cases; there may be a report all the same.
func (t *trial) run(ctx context.Context) (r *report, problems []error, err error) {
	if err := os.RemoveAll(t.job.dir); err != nil {
		return nil, nil, err
	}
	if err := os.MkdirAll(t.job.dir, 0o755); err != nil {
		return nil, nil, err
	}
	if t.job.addr, err = freeAddr(); err != nil {
		return nil, nil, err
	}
	engineLog, err := os.Create(t.log("engine"))
	if err != nil {
		return nil, nil, err
	}
	defer engineLog.Close()
	programLog, err := os.Create(t.log("program"))
	if err != nil {
		return nil, nil, err
	}
	defer programLog.Close()

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	engine, program, p, err := t.start(ctx, engineLog, programLog)
	if engine != nil {
		defer engine.kill()
	}
	if program != nil {
		defer program.kill()
	}
	if err != nil {
		return nil, nil, err
	}
	problems = t.watch(ctx, engine, program, p)
	p.done()
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}

	r, err = readReport(t.job.dir)
	if errors.Is(err, os.ErrNotExist) {
		err = fmt.Errorf("the engine left no report (%s): %s, see %s",
			ending(engine.err), lastLine(t.log("engine")), shown(t.log("engine")))
	}
	return r, problems, err
}

// start starts the side that listens, waits until it does, and starts the other.
func (t *trial) start(ctx context.Context, engineLog, programLog io.Writer) (engine, program *child, p *progress, err error) {
	p = newProgress(t.job.role, t.total)
	output := &lines{each: func(line string) {
		if !p.line(line) {
			fmt.Fprintln(engineLog, line)
		}
	}}
	if t.job.serves() {
		program, err = start(exec.CommandContext(ctx, t.program, "-addr", t.job.addr), programLog)
		if err != nil {
			return nil, nil, p, err
		}
		if err := program.waitUntil(ctx, listenLimit, func() bool { return accepts(t.job.addr) }); err != nil {
			return nil, program, p, fmt.Errorf("%s -addr %s: %w: %s", t.program, t.job.addr, err, lastLine(t.log("program")))
		}
		cmd, err := t.engine.fuzzServer(ctx, t.job)
		if err != nil {
			return nil, program, p, err
		}
		engine, err = start(cmd, output)
		return engine, program, p, err
	}

	cmd, err := t.engine.fuzzClient(ctx, t.job)
	if err != nil {
		return nil, nil, p, err
	}
	if engine, err = start(cmd, output); err != nil {
		return nil, nil, p, err
	}
	if err := engine.waitUntil(ctx, listenLimit, func() bool { return upgrades(t.job.addr, "/getCaseCount") }); err != nil {
		return engine, nil, p, fmt.Errorf("the engine: %w: %s", err, lastLine(t.log("engine")))
	}
	program, err = start(exec.CommandContext(ctx, t.program, "-url", "ws://"+t.job.addr, "-agent", agent), programLog)
	return engine, program, p, err
}

// watch waits for the engine to come to its end, and sees to it that it does. Whoever is stuck,
// the program under test is ended first: then the engine can still write down what it saw.
func (t *trial) watch(ctx context.Context, engine, program *child, p *progress) (problems []error) {
	problem := func(format string, args ...any) {
		problems = append(problems, fmt.Errorf(format, args...))
	}
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	end := time.Now().Add(t.limit)
	programExited := program.exited
	var reportBy time.Time // zero while the engine is at work
	for {
		select {
		case <-ctx.Done():
			return problems
		case <-engine.exited:
			return problems
		case <-programExited:
			programExited = nil
			if reportBy.IsZero() && (t.job.serves() || program.err != nil) {
				problem("the program ended by itself (%s): %s, see %s",
					ending(program.err), lastLine(t.log("program")), shown(t.log("program")))
			}
			reportBy = t.askForReport()
		case now := <-tick.C:
			p.tell(now)
			switch silence, running := p.silence(now); {
			case !reportBy.IsZero() && t.engine.stays() && t.reported():
				return problems
			case !reportBy.IsZero() && now.After(reportBy):
				problem("the engine did not end either, stopped; %s", unfinished(running))
				engine.kill()
				return problems
			case reportBy.IsZero() && (now.After(end) || silence > silenceLimit && !t.engine.stays()):
				problem("stopped after %v, the last %v of them silent; %s",
					now.Sub(p.began).Round(time.Second), silence.Round(time.Second), unfinished(running))
				programExited = nil
				program.kill()
				reportBy = t.askForReport()
			}
		}
	}
}

func unfinished(running []string) string {
	if len(running) == 0 {
		return "no case was running"
	}
	return "unfinished: " + strings.Join(running, " ")
}

// askForReport makes the engine write its report although the client did not ask for it, or not
// in a way that reached the engine. It returns until when that may take.
func (t *trial) askForReport() time.Time {
	if t.job.role == "client" && !t.reported() {
		upgrades(t.job.addr, "/updateReports")
	}
	return time.Now().Add(reportLimit)
}

// reported reports whether the engine has written all of its report.
func (t *trial) reported() bool {
	r, err := readReport(t.job.dir)
	if err != nil {
		return false
	}
	for _, page := range r.pages {
		if _, err := os.Stat(page); err != nil {
			return false
		}
	}
	return true
}

func (t *trial) log(name string) string {
	return filepath.Join(t.job.dir, name+".log")
}
