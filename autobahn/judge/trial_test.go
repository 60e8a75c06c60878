package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The test binary is also the engine and the programs of its tests: JUDGE_TEST says which.
func TestMain(m *testing.M) {
	if part := os.Getenv("JUDGE_TEST"); part != "" {
		play(part, os.Args[1:])
		return
	}
	os.Exit(m.Run())
}

// play acts as a child of the judge. Its last argument is the directory for reports, or what the
// judge passes to a program.
func play(part string, args []string) {
	last := args[len(args)-1]
	switch part {
	case "engine that reports": // as soon as its peer has gone or asked for it
		fmt.Println("began 1.1.1")
		fmt.Println("ended 1.1.1")
		writeIndex(last)
	case "engine that waits": // for the server to go away
		fmt.Println("began 1.1.1")
		for accepts(args[0]) {
			time.Sleep(10 * time.Millisecond)
		}
		writeIndex(last)
	case "engine that serves": // until updateReports
		listener, err := net.Listen("tcp", args[0])
		if err != nil {
			panic(err)
		}
		http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Connection", "Upgrade")
			w.Header().Set("Upgrade", "websocket")
			w.WriteHeader(http.StatusSwitchingProtocols)
			if r.URL.Path == "/updateReports" {
				writeIndex(last)
				os.Exit(0)
			}
		}))
	case "engine that fails":
		fmt.Println("no such case")
		os.Exit(3)
	}
}

func writeIndex(dir string) {
	index := `{"spindrift": {"1.1.1": {"behavior": "OK", "behaviorClose": "OK", "reportfile": "case.json"}}}`
	for name, text := range map[string]string{"case.json": "{}", "index.json": index} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			panic(err)
		}
	}
}

// testEngine plays one part for both roles.
type testEngine struct{ part string }

func (e testEngine) stays() bool                   { return false }
func (e testEngine) prepare(context.Context) error { return nil }

func (e testEngine) fuzzServer(ctx context.Context, j job) (*exec.Cmd, error) {
	cmd := exec.CommandContext(ctx, os.Args[0], j.addr, j.dir)
	cmd.Env = append(os.Environ(), "JUDGE_TEST="+e.part)
	return cmd, nil
}

func (e testEngine) fuzzClient(ctx context.Context, j job) (*exec.Cmd, error) {
	return e.fuzzServer(ctx, j)
}

// script writes an executable shell script that plays the program under test.
func script(t *testing.T, text string) string {
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("no sh")
	}
	path := filepath.Join(t.TempDir(), "program")
	require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o755))
	return path
}

// listening is a script that listens on the address after -addr until it is killed.
func listening(t *testing.T) string {
	return script(t, "JUDGE_TEST='engine that serves' exec "+os.Args[0]+` "$2" /nowhere`)
}

func newTrial(t *testing.T, role, part, program string) *trial {
	return &trial{
		engine: testEngine{part}, program: program, total: 1, limit: time.Minute,
		job: job{role: role, dir: filepath.Join(t.TempDir(), "reports")},
	}
}

var good = verdicts{"1.1.1": {"OK", "OK"}}

func TestTrialOfServer(t *testing.T) {
	trial := newTrial(t, "server", "engine that reports", listening(t))
	r, problems, err := trial.run(t.Context())
	require.NoError(t, err)
	assert.Empty(t, problems)
	assert.Equal(t, good, r.verdicts)
	assert.False(t, accepts(trial.job.addr), "the server is still there")
}

func TestTrialOfServerThatDoesNotStart(t *testing.T) {
	_, _, err := newTrial(t, "server", "engine that reports", script(t, "echo address in use; exit 2")).run(t.Context())
	assert.ErrorContains(t, err, "it ended at once (exit status 2): address in use")
}

func TestTrialWithoutReport(t *testing.T) {
	_, _, err := newTrial(t, "server", "engine that fails", listening(t)).run(t.Context())
	assert.ErrorContains(t, err, "the engine left no report (exit status 3): no such case")
}

func TestTrialThatTakesTooLong(t *testing.T) {
	trial := newTrial(t, "server", "engine that waits", listening(t))
	trial.limit = time.Second
	r, problems, err := trial.run(t.Context())
	require.NoError(t, err)
	assert.Equal(t, good, r.verdicts, "the engine writes its report once the server has gone")
	require.Len(t, problems, 1)
	assert.Contains(t, problems[0].Error(), "unfinished: 1.1.1")
}

func TestTrialInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(time.Second, cancel)
	trial := newTrial(t, "server", "engine that waits", listening(t))
	_, _, err := trial.run(ctx)
	assert.ErrorIs(t, err, context.Canceled)
	assert.False(t, accepts(trial.job.addr), "the server is still there")
}

func TestTrialOfClient(t *testing.T) {
	for name, tt := range map[string]struct{ script, problem string }{
		"that leaves without asking for the report": {"exit 0", ""},
		"that fails": {"echo out of ideas; exit 1", "the program ended by itself (exit status 1): out of ideas"},
	} {
		t.Run(name, func(t *testing.T) {
			r, problems, err := newTrial(t, "client", "engine that serves", script(t, tt.script)).run(t.Context())
			require.NoError(t, err)
			assert.Equal(t, good, r.verdicts, "the judge asks instead")
			var said []string
			for _, problem := range problems {
				said = append(said, problem.Error())
			}
			assert.Contains(t, strings.Join(said, "\n"), tt.problem)
			assert.Equal(t, tt.problem == "", len(problems) == 0)
		})
	}
}

func TestTrialOfClientThatHangs(t *testing.T) {
	trial := newTrial(t, "client", "engine that serves", script(t, "exec sleep 600"))
	trial.limit = time.Second
	r, problems, err := trial.run(t.Context())
	require.NoError(t, err)
	assert.Equal(t, good, r.verdicts)
	require.Len(t, problems, 1)
	assert.Contains(t, problems[0].Error(), "stopped after ")
}
