package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

// A neighbour is a contender in another language, under peers/.
type neighbour struct {
	contender
	dir   string
	tool  string   // what must be installed
	build []string // run in dir
	built string   // a file in dir that makes the build needless; empty to leave that to the tool
}

func neighbours(dir string) []neighbour {
	all := []neighbour{
		{
			contender: contender{Name: "node-ws", About: "Node, ws with bufferutil", Room: "no: a queue for each member", UTF8: "on", Rows: []string{"echo", "deflate", "broadcast", "room", "http"}},
			dir:       "node-ws", tool: "npm", build: []string{"npm", "ci", "--silent", "--no-audit", "--no-fund"},
			built: "node_modules/ws/package.json",
		},
		{
			contender: contender{Name: "tokio-tungstenite", About: "Rust, one thread, answers to one read leave in one write", Room: "-", UTF8: "on", Rows: []string{"echo"}},
			dir:       "tokio-tungstenite", tool: "cargo", build: []string{"cargo", "build", "--release", "--quiet", "--locked"},
		},
		{
			contender: contender{Name: "fastwebsockets", About: "Rust, one thread, SIMD features on", Room: "-", UTF8: "on", Rows: []string{"echo"}},
			dir:       "fastwebsockets", tool: "cargo", build: []string{"cargo", "build", "--release", "--quiet", "--locked"},
		},
	}
	for i := range all {
		all[i].Kind = "other"
		all[i].dir = filepath.Join(dir, all[i].dir)
		n := all[i] // a copy: who leaves some of them out moves the others
		all[i].command = func(r row, port int) ([]string, bool) {
			argv := []string{filepath.Join(n.dir, "target", "release", n.Name), strconv.Itoa(port)}
			if n.tool == "npm" {
				argv = []string{"node", filepath.Join(n.dir, "server.js"), strconv.Itoa(port)}
			}
			if r.Deflate {
				argv = append(argv, "deflate")
			}
			return argv, false
		}
	}
	return all
}

// settleNeighbours builds the neighbours whose tool is here; say is told about the others.
func settleNeighbours(ctx context.Context, all []neighbour, say func(string)) []contender {
	var built []contender
	for _, n := range all {
		if _, err := exec.LookPath(n.tool); err != nil {
			say(fmt.Sprintf("%s left out: no %s here", n.Name, n.tool))
			continue
		}
		if _, err := os.Stat(filepath.Join(n.dir, n.built)); n.built != "" && err == nil {
			built = append(built, n.contender)
			continue
		}
		say("building " + n.Name)
		build := exec.CommandContext(ctx, n.build[0], n.build[1:]...)
		build.Dir = n.dir
		if out, err := build.CombinedOutput(); err != nil {
			say(fmt.Sprintf("%s left out: %v\n%s", n.Name, err, out))
			continue
		}
		built = append(built, n.contender)
	}
	return built
}
