package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// A contender is one server of the bench.
type contender struct {
	Name  string   `json:"name"`
	Kind  string   `json:"kind"` // floor, peer (in Go), ours, or other (in another language)
	About string   `json:"about"`
	Room  string   `json:"room"` // whether a slow member stalls a room
	UTF8  string   `json:"utf8"`
	Rows  []string `json:"rows"`

	// command returns what to run for a row, and whether it says by itself where it serves; it is to listen on port if not.
	command func(r row, port int) (argv []string, announces bool)
}

func (c contender) takes(r row) bool {
	for _, need := range r.needs() {
		if !slices.Contains(c.Rows, need) {
			return false
		}
	}
	return true
}

// goPrograms hold the Go contenders.
var goPrograms = []string{"./server", "./server/nbio"}

// goContenders builds the server programs into dir and asks each whom it holds.
func goContenders(ctx context.Context, dir string, profiles bool) ([]contender, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	build := exec.CommandContext(ctx, "go", append([]string{"build", "-o", dir}, goPrograms...)...)
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the servers: %w\n%s", err, out)
	}
	var all []contender
	for _, program := range goPrograms {
		some, err := heldBy(ctx, filepath.Join(dir, filepath.Base(program)), profiles)
		if err != nil {
			return nil, fmt.Errorf("list the contenders of %s: %w", program, err)
		}
		all = append(all, some...)
	}
	return all, nil
}

// heldBy asks a server program for its contenders.
func heldBy(ctx context.Context, binary string, profiles bool) ([]contender, error) {
	out, err := exec.CommandContext(ctx, binary, "-list").Output()
	if err != nil {
		return nil, err
	}
	var all []contender
	if err := json.Unmarshal(out, &all); err != nil {
		return nil, err
	}
	for i := range all {
		name := all[i].Name
		all[i].command = func(r row, _ int) ([]string, bool) {
			argv := []string{binary, "-contender", name, "-addr", "127.0.0.1:0", "-stats", "127.0.0.1:0"}
			if r.Deflate {
				argv = append(argv, "-deflate")
			}
			if r.TLS {
				argv = append(argv, "-tls")
			}
			if r.Streams > 0 {
				argv = append(argv, "-http2")
			}
			if profiles {
				argv = append(argv, "-debug")
			}
			return argv, true
		}
	}
	return all, nil
}

// outsider makes a contender of -peer 'NAME=COMMAND {port}'.
func outsider(spec string) (contender, error) {
	name, command, ok := strings.Cut(spec, "=")
	if !ok || name == "" || !strings.Contains(command, "{port}") {
		return contender{}, fmt.Errorf("-peer %q: want NAME=COMMAND with {port} in it", spec)
	}
	return contender{
		Name: name, Kind: "other", About: "`" + command + "`", Room: "?", UTF8: "?", Rows: []string{"echo", "broadcast", "room", "http", "deflate"},
		command: func(_ row, port int) ([]string, bool) {
			return []string{"sh", "-c", "exec " + strings.ReplaceAll(command, "{port}", strconv.Itoa(port))}, false
		},
	}, nil
}

// choose keeps the named ones, in the order they were named; no names keep all.
func choose[T any](all []T, names string, name func(T) string) ([]T, error) {
	if names == "" {
		return all, nil
	}
	var chosen []T
	for _, want := range strings.Split(names, ",") {
		i := slices.IndexFunc(all, func(t T) bool { return name(t) == strings.TrimSpace(want) })
		if i < 0 {
			var known []string
			for _, t := range all {
				known = append(known, name(t))
			}
			return nil, fmt.Errorf("no %q; there are %s", want, strings.Join(known, ", "))
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}
