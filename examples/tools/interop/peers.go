package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// A Peer is another implementation, in the folder of its name under peers.
type Peer struct {
	name, title string
	browser     bool              // a client only
	tools       []string          // what must be on the machine
	install     []step            // what the first run does
	argv        []string          // how to run it, in its folder; a name with a slash is a file there
	cannot      map[string]string // cases, or roles and cases, and why not
}

// A step makes a file unless that is there and newer than its source.
type step struct {
	made, from string   // in the peer's folder
	argv       []string // run there
}

var peers = []Peer{
	{
		name: "chromium", title: "Chromium", browser: true,
		tools:   []string{"node", "npm", "/usr/bin/chromium"},
		install: []step{npmCI},
		argv:    []string{"node", "peer.mjs"},
		cannot: map[string]string{
			"fragments-from": "a page cannot send fragments",
			"ping-from":      "a page cannot send a Ping",
			"declined":       "a page cannot turn permessage-deflate off",
		},
	},
	{
		name: "node", title: "Node ws",
		tools:   []string{"node", "npm"},
		install: []step{npmCI},
		argv:    []string{"node", "peer.mjs"},
	},
	{
		name: "python", title: "Python websockets",
		tools:   []string{"python3"},
		install: venv,
		argv:    []string{".venv/bin/python", "peer.py"},
	},
	{
		name: "gorilla", title: "gorilla/websocket",
		install: []step{{argv: []string{"go", "build", "-o", "../../bin/gorilla", "."}}},
		argv:    []string{"../../bin/gorilla"},
	},
	{
		name: "coder", title: "coder/websocket",
		install: []step{{argv: []string{"go", "build", "-o", "../../bin/coder", "."}}},
		argv:    []string{"../../bin/coder"},
	},
	{
		name: "libwebsockets", title: "libwebsockets",
		tools: []string{"cc", "/usr/include/libwebsockets.h"},
		install: []step{{"../../bin/libwebsockets", "peer.c",
			[]string{"cc", "-O1", "-Wall", "-o", "../../bin/libwebsockets", "peer.c", "-lwebsockets", "-lpthread"}}},
		argv: []string{"../../bin/libwebsockets"},
		cannot: map[string]string{
			"client mixed": "libwebsockets 4.1.6 as a client hands over an uncompressed message again and again " +
				"where permessage-deflate is agreed on, whichever server sent it",
		},
	},
}

// venv has what requirements.txt names.
var venv = []step{
	{".venv/bin/python", "", []string{"python3", "-m", "venv", ".venv"}},
	{".venv/installed", "requirements.txt", []string{"sh", "-c",
		".venv/bin/python -m pip install -q --disable-pip-version-check -r requirements.txt && touch .venv/installed"}},
}

// npmCI is newer than the lock file when it has run.
var npmCI = step{"node_modules/.package-lock.json", "package-lock.json",
	[]string{"sh", "-c", "npm ci --no-audit --no-fund --loglevel=error && touch node_modules/.package-lock.json"}}

// folder is where a peer's files are.
func folder(name string) string { return filepath.Join("peers", name) }

// ready installs what is missing and returns how to run the peer. An error is a
// reason to skip it.
func (p *Peer) ready(ctx context.Context, say func(string)) (argv []string, err error) {
	if err := have(p.tools...); err != nil {
		return nil, err
	}
	if err := os.MkdirAll("bin", 0o755); err != nil {
		return nil, err
	}
	for _, s := range p.install {
		if s.fresh(folder(p.name)) {
			continue
		}
		if s.made != "" {
			say("install: " + strings.Join(s.argv, " "))
		}
		if _, err := command(ctx, folder(p.name), s.argv...); err != nil {
			return nil, err
		}
	}
	argv = append(argv, p.argv...)
	if filepath.Base(argv[0]) != argv[0] {
		argv[0], err = filepath.Abs(filepath.Join(folder(p.name), argv[0]))
	}
	return argv, err
}

func (s step) fresh(dir string) bool {
	made, err := os.Stat(filepath.Join(dir, s.made))
	if err != nil || s.made == "" {
		return false
	}
	from, err := os.Stat(filepath.Join(dir, s.from))
	return s.from == "" || err == nil && !made.ModTime().Before(from.ModTime())
}

// have checks that tools are there: commands, or files if they begin with a slash.
func have(tools ...string) error {
	if runtime.GOOS == "windows" {
		return errors.New("needs a Unix")
	}
	for _, tool := range tools {
		if _, err := os.Stat(tool); filepath.IsAbs(tool) && err != nil {
			return fmt.Errorf("%s is not there", tool)
		}
		if _, err := exec.LookPath(tool); !filepath.IsAbs(tool) && err != nil {
			return fmt.Errorf("%s is not installed", tool)
		}
	}
	return nil
}
