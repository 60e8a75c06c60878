package main

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

//go:embed progress.py
var progressScript string

// kosoku is the cases of the Autobahn TestSuite under a runner of its own, a Python package with
// a native core. The judge keeps it in a virtual environment of its own.
type kosoku struct {
	python       string // the interpreter that makes the environment
	environment  string // directory of the environment
	requirements string // file with the pinned packages
	parallel     int    // cases at a time, against a server
}

func (k *kosoku) stays() bool { return false }

// prepare makes the environment unless it is there and was made from the same requirements.
func (k *kosoku) prepare(ctx context.Context) error {
	wanted, err := os.ReadFile(k.requirements)
	if err != nil {
		return err
	}
	stamp := filepath.Join(k.environment, "made-from.txt")
	if made, err := os.ReadFile(stamp); err == nil && bytes.Equal(made, wanted) && k.answers(ctx) {
		return nil
	}

	if err := k.checkPython(ctx); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "judge: making a Python environment in %s\n", shown(k.environment))
	if err := quietly(ctx, k.python, "-m", "venv", "--clear", k.environment); err != nil {
		return fmt.Errorf("%s -m venv: %w (on Debian and Ubuntu, install python3-venv)", k.python, err)
	}
	if err := quietly(ctx, k.interpreter(), "-m", "pip", "install", "--disable-pip-version-check", "-r", k.requirements); err != nil {
		return fmt.Errorf("pip install -r %s: %w", shown(k.requirements), err)
	}
	return os.WriteFile(stamp, wanted, 0o644)
}

// checkPython reports as an error that there is no interpreter, or one too old for kosoku.
func (k *kosoku) checkPython(ctx context.Context) error {
	script := "import sys; print('%d.%d' % sys.version_info[:2], sys.version_info >= (3, 10))"
	out, err := exec.CommandContext(ctx, k.python, "-c", script).Output()
	if err != nil {
		return fmt.Errorf("%s does not run here: install Python 3.10 or newer, or name one with -python (%w)", k.python, err)
	}
	version, ok, _ := strings.Cut(strings.TrimSpace(string(out)), " ")
	if ok != "True" {
		return fmt.Errorf("%s is Python %s: kosoku needs 3.10 or newer, name one with -python", k.python, version)
	}
	return nil
}

// answers reports whether kosoku starts in the environment. It does not when the Python from
// which the environment was made has gone.
func (k *kosoku) answers(ctx context.Context) bool {
	return exec.CommandContext(ctx, k.interpreter(), "-c", "import kosoku").Run() == nil
}

func (k *kosoku) interpreter() string {
	if runtime.GOOS == "windows" {
		return filepath.Join(k.environment, "Scripts", "python.exe")
	}
	return filepath.Join(k.environment, "bin", "python")
}

func (k *kosoku) fuzzServer(ctx context.Context, j job) (*exec.Cmd, error) {
	return k.command(ctx, j, "-m", "fuzzingclient", "-p", strconv.Itoa(k.parallel)), nil
}

func (k *kosoku) fuzzClient(ctx context.Context, j job) (*exec.Cmd, error) {
	return k.command(ctx, j, "-m", "fuzzingserver"), nil
}

func (k *kosoku) command(ctx context.Context, j job, mode ...string) *exec.Cmd {
	args := append([]string{"-c", progressScript}, mode...)
	args = append(args, "--outdir", j.dir)
	for _, id := range j.cases {
		args = append(args, "-i", id)
	}
	return exec.CommandContext(ctx, k.interpreter(), append(args, j.addr)...)
}

// quietly runs a command whose output matters only when it goes wrong: then its last line is part
// of the error.
func quietly(ctx context.Context, name string, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err == nil {
		return nil
	}
	said := strings.Split(strings.TrimSpace(string(out)), "\n")
	return fmt.Errorf("%w: %s", err, said[len(said)-1])
}
