// Command release makes a version of all modules in step, and tries it before anybody else can.
//
//	go run ./examples/tools/release -try v0.1.0    what follows, but for the tags
//	go run ./examples/tools/release v0.1.0
//
// In a copy of HEAD it makes every module that is imported require the others at that version, without a replace; asks
// go mod tidy for their go.sum, with a module proxy of files in the place of what is not published yet; vets them; and
// installs examples/ws from that proxy, as go install will. Then it commits the copy and tags the commit once for each
// module: v0.1.0, sockets/remote/v0.1.0. Nothing is pushed. Modules under examples are for work on this repository and
// keep their replace: nobody imports them.
package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

const root = "github.com/spindrift-go/spindrift"

func main() {
	args := os.Args[1:]
	try := len(args) > 0 && args[0] == "-try"
	if try {
		args = args[1:]
	}
	if len(args) != 1 || !regexp.MustCompile(`^v\d+\.\d+\.\d+(-[0-9a-z.]+)?$`).MatchString(args[0]) {
		fmt.Fprintln(os.Stderr, "usage: release [-try] VERSION, such as v0.1.0 or v0.1.0-rc.1")
		os.Exit(2)
	}
	if err := release(args[0], try); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

// release makes version of HEAD.
func release(version string, try bool) error {
	top, err := output(".", "git", "rev-parse", "--show-toplevel")
	if err != nil {
		return err
	}
	if err := ready(top, version, try); err != nil {
		return err
	}
	temporary, err := os.MkdirTemp("", "spindrift-release-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temporary)
	tree := filepath.Join(temporary, "tree")
	if _, err := output(top, "git", "worktree", "add", "--detach", tree, "HEAD"); err != nil {
		return err
	}
	defer output(top, "git", "worktree", "remove", "--force", tree)

	modules, err := imported(tree)
	if err != nil {
		return err
	}
	env := proxyEnv(filepath.Join(temporary, "proxy"))
	for _, dir := range modules { // the main module is first: the others need it
		say("%s %s", path(dir), version)
		if err := prepare(filepath.Join(tree, dir), dir, modules, version, env); err != nil {
			return fmt.Errorf("%s: %w", path(dir), err)
		}
		if err := publish(tree, dir, version, filepath.Join(temporary, "proxy")); err != nil {
			return err
		}
	}
	if err := install(temporary, version, env); err != nil {
		return err
	}
	if try {
		say("%s is ready: nothing was tagged", version)
		return nil
	}
	return tag(tree, modules, version)
}

// ready wants a clean tree, a version that does not exist, and an entry of the changelog.
func ready(top, version string, try bool) error {
	if try {
		return nil
	}
	if changed, err := output(top, "git", "status", "--porcelain"); err != nil || changed != "" {
		return errors.Join(err, errors.New("commit first: the tree is not clean"))
	}
	if tags, err := output(top, "git", "tag", "--list", version); err != nil || tags != "" {
		return errors.Join(err, fmt.Errorf("there is a tag %s already", version))
	}
	log, err := os.ReadFile(filepath.Join(top, "CHANGELOG.md"))
	if err == nil && !regexp.MustCompile(`(?m)^## `+regexp.QuoteMeta(version)+`\b`).Match(log) {
		err = fmt.Errorf("CHANGELOG.md has no heading for %s: rename Unreleased", version)
	}
	return err
}

// imported are the folders of the modules that programs import, the main one first, then those that others need.
func imported(tree string) (dirs []string, err error) {
	err = filepath.WalkDir(tree, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() != "go.mod" {
			return err
		}
		dir, _ := filepath.Rel(tree, filepath.Dir(name))
		if dir = filepath.ToSlash(dir); !strings.HasPrefix(dir, "examples/") && !strings.Contains(dir, "/testdata/") {
			dirs = append(dirs, dir)
		}
		return nil
	})
	return inOrder(tree, dirs), err
}

// inOrder puts what is required in front of what requires it.
func inOrder(tree string, dirs []string) (ordered []string) {
	done := map[string]bool{}
	var visit func(dir string)
	visit = func(dir string) {
		if done[dir] {
			return
		}
		done[dir] = true
		mod, _ := os.ReadFile(filepath.Join(tree, dir, "go.mod"))
		for _, other := range dirs {
			if regexp.MustCompile(`(?m)^(require)?\s+` + regexp.QuoteMeta(path(other)) + ` v`).Match(mod) {
				visit(other)
			}
		}
		ordered = append(ordered, dir)
	}
	for _, dir := range dirs {
		visit(dir)
	}
	return ordered
}

// path is the path of the module in a folder.
func path(dir string) string { return strings.TrimSuffix(root+"/"+dir, "/.") }

func say(format string, args ...any) { fmt.Printf("== "+format+"\n", args...) }

// output runs a command and returns what it says; its complaint is the error.
func output(dir string, argv ...string) (string, error) { return outputWith(nil, dir, argv...) }

func outputWith(env []string, dir string, argv ...string) (string, error) {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	out, err := cmd.Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		err = fmt.Errorf("%s: %w\n%s", strings.Join(argv, " "), err, exit.Stderr)
	}
	return strings.TrimSpace(string(out)), err
}
