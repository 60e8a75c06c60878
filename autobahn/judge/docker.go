package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"
)

// The original suite's last image for Python 2. Its cases are those that kosoku carries.
const autobahnImage = "crossbario/autobahn-testsuite:25.10.1"

// original is the Autobahn TestSuite itself, in the image that its makers publish. It tells
// nothing while it runs, so the judge sees no progress and bounds the whole run only.
type original struct{}

func (original) stays() bool { return true }

func (original) prepare(ctx context.Context) error {
	if err := quietly(ctx, "docker", "info"); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return errors.New("docker is not running here: start it, or leave AUTOBAHN=docker out to use kosoku")
	}
	if quietly(ctx, "docker", "image", "inspect", autobahnImage) == nil {
		return nil
	}
	fmt.Fprintf(os.Stderr, "judge: pulling %s\n", autobahnImage)
	if err := quietly(ctx, "docker", "pull", autobahnImage); err != nil {
		return fmt.Errorf("docker pull %s: %w", autobahnImage, err)
	}
	return nil
}

// A wstestSpec is the file that tells wstest, the suite's program, what to do.
type wstestSpec struct {
	URL          string         `json:"url,omitempty"`     // fuzzingserver: where to listen
	Servers      []wstestServer `json:"servers,omitempty"` // fuzzingclient: whom to test
	Outdir       string         `json:"outdir"`
	Cases        []string       `json:"cases"`
	ExcludeCases []string       `json:"exclude-cases"`
	ExcludeAgent map[string]any `json:"exclude-agent-cases"`
}

type wstestServer struct {
	Agent string `json:"agent"`
	URL   string `json:"url"`
}

func (o original) fuzzServer(ctx context.Context, j job) (*exec.Cmd, error) {
	_, port, err := net.SplitHostPort(j.addr)
	if err != nil {
		return nil, err
	}
	// Only on Linux does a container share the loopback of its host. Elsewhere Docker Desktop has a
	// name that leads there.
	host, network := "host.docker.internal", []string(nil)
	if runtime.GOOS == "linux" {
		host, network = "127.0.0.1", []string{"--network", "host"}
	}
	spec := wstestSpec{Servers: []wstestServer{{Agent: agent, URL: "ws://" + net.JoinHostPort(host, port)}}}
	return o.command(ctx, j, spec, "fuzzingclient", network)
}

func (o original) fuzzClient(ctx context.Context, j job) (*exec.Cmd, error) {
	_, port, err := net.SplitHostPort(j.addr)
	if err != nil {
		return nil, err
	}
	// The suite refuses a Host header whose port is not its own, so it is the same on both sides.
	spec := wstestSpec{URL: "ws://0.0.0.0:" + port}
	return o.command(ctx, j, spec, "fuzzingserver", []string{"--publish", j.addr + ":" + port})
}

func (o original) command(ctx context.Context, j job, spec wstestSpec, mode string, network []string) (*exec.Cmd, error) {
	spec.Outdir = "/reports"
	spec.Cases, spec.ExcludeCases, spec.ExcludeAgent = j.cases, []string{}, map[string]any{}
	if spec.Cases == nil {
		spec.Cases = []string{"*"}
	}
	data, err := json.MarshalIndent(spec, "", "  ")
	if err != nil {
		panic(err)
	}
	if err := os.WriteFile(filepath.Join(j.dir, "wstest.json"), data, 0o644); err != nil {
		return nil, err
	}

	name := fmt.Sprintf("spindrift-autobahn-%s-%d", j.role, os.Getpid())
	args := append([]string{"run", "--rm", "--name", name, "--volume", j.dir + ":/reports"}, network...)
	args = append(args, autobahnImage, "wstest", "--mode", mode, "--spec", "/reports/wstest.json")
	if mode == "fuzzingserver" {
		args = append(args, "--webport", "0")
	}
	cmd := exec.CommandContext(ctx, "docker", args...)
	// To kill the docker command would leave the container running.
	cmd.Cancel = func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		_ = exec.CommandContext(ctx, "docker", "kill", name).Run()
		return cmd.Process.Kill()
	}
	return cmd, nil
}
