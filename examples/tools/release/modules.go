package main

import (
	"archive/zip"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// prepare makes the module in folder require ours at version, and nothing replaced.
func prepare(folder, dir string, modules []string, version string, env []string) error {
	edit := []string{"go", "mod", "edit"}
	mod, err := os.ReadFile(filepath.Join(folder, "go.mod"))
	if err != nil {
		return err
	}
	for _, other := range modules {
		if regexp.MustCompile(`(?m)^(require)?\s+` + regexp.QuoteMeta(path(other)) + ` v`).Match(mod) {
			edit = append(edit, "-require="+path(other)+"@"+version)
		}
		edit = append(edit, "-dropreplace="+path(other))
	}
	for _, argv := range [][]string{edit, {"go", "mod", "tidy"}, {"go", "vet", "./..."}} {
		if _, err := outputWith(env, folder, argv...); err != nil {
			return err
		}
	}
	if mod, err = os.ReadFile(filepath.Join(folder, "go.mod")); err != nil {
		return err
	}
	return released(string(mod))
}

// released is nil for a go.mod of which nothing is replaced, and that requires no version that nobody has.
func released(mod string) error {
	if line := regexp.MustCompile(`(?m)^\s*replace.*$`).FindString(mod); line != "" {
		return fmt.Errorf("go.mod has a %q: go install and those who import it do not see that", strings.TrimSpace(line))
	}
	if line := regexp.MustCompile(`(?m)^.*` + regexp.QuoteMeta(root) + `\S* v0\.0\.0\b.*$`).FindString(mod); line != "" {
		return fmt.Errorf("go.mod requires %q: there is no such version", strings.TrimSpace(line))
	}
	return nil
}

// proxyEnv is the environment of a go command that looks into a proxy of files first.
func proxyEnv(proxy string) []string {
	rest := os.Getenv("GOPROXY")
	if rest == "" {
		out, _ := output(".", "go", "env", "GOPROXY")
		rest = out
	}
	return []string{
		"GOPROXY=file://" + filepath.ToSlash(proxy) + "," + rest,
		"GONOSUMDB=" + root + "," + root + "/*", "GOWORK=off",
		"GOMODCACHE=" + filepath.Join(filepath.Dir(proxy), "cache"), "GOFLAGS=-mod=mod -modcacherw",
	}
}

// publish puts the module in dir of tree into the proxy: what git has of it, without modules inside it.
func publish(tree, dir, version, proxy string) error {
	to := filepath.Join(proxy, filepath.FromSlash(path(dir)), "@v")
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	list, err := output(filepath.Join(tree, dir), "git", "ls-files")
	if err != nil {
		return err
	}
	files := strings.Split(list, "\n")
	var inner []string
	for _, f := range files {
		if d, ok := strings.CutSuffix(f, "/go.mod"); ok {
			inner = append(inner, d+"/")
		}
	}
	archive, err := os.Create(filepath.Join(to, version+".zip"))
	if err != nil {
		return err
	}
	defer archive.Close()
	w := zip.NewWriter(archive)
next:
	for _, f := range files {
		for _, d := range inner {
			if strings.HasPrefix(f, d) {
				continue next
			}
		}
		content, err := os.ReadFile(filepath.Join(tree, dir, f))
		if err != nil {
			return err
		}
		part, err := w.Create(path(dir) + "@" + version + "/" + f)
		if err != nil {
			return err
		}
		part.Write(content)
	}
	if err := w.Close(); err != nil {
		return err
	}
	mod, err := os.ReadFile(filepath.Join(tree, dir, "go.mod"))
	if err != nil {
		return err
	}
	for name, content := range map[string]string{version + ".mod": string(mod), version + ".info": `{"Version":"` + version + `"}`, "list": version + "\n"} {
		if err := os.WriteFile(filepath.Join(to, name), []byte(content), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// install installs the terminal client as somebody will who has no copy of the repository, and runs it; and builds a program
// of a module of its own.
func install(temporary, version string, env []string) error {
	say("go install %s/examples/ws@%s, and a module that imports it", root, version)
	bin := filepath.Join(temporary, "bin")
	env = append(env, "GOBIN="+bin)
	if _, err := outputWith(env, temporary, "go", "install", root+"/examples/ws@"+version); err != nil {
		return err
	}
	if _, err := output(temporary, filepath.Join(bin, "ws"), "--help"); err != nil {
		return err
	}
	program := filepath.Join(temporary, "program")
	if err := os.MkdirAll(program, 0o755); err != nil {
		return err
	}
	write := func(name, content string) error {
		return os.WriteFile(filepath.Join(program, name), []byte(content), 0o644)
	}
	if err := write("go.mod", "module example.com/program\n\ngo 1.26\n"); err != nil {
		return err
	}
	// As in the README, go get comes first: no file imports anything yet.
	if _, err := outputWith(env, program, "go", "get", root+"/sockets@"+version); err != nil {
		return err
	}
	if err := write("main.go", echo); err != nil {
		return err
	}
	_, err := outputWith(env, program, "go", "build", "-o", bin, ".")
	return err
}

// echo is what the README begins with.
const echo = `package main

import (
	"context"
	"log"
	"net/http"

	"` + root + `/sockets"
)

func main() {
	http.Handle("/echo", sockets.Session(func(ctx context.Context, c *sockets.Conn) error {
		for m, err := range c.Messages(ctx) {
			if err == nil {
				err = c.Send(ctx, m)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}))
	log.Fatal(http.ListenAndServe("localhost:8080", nil))
}
`

// tag commits what was prepared and tags it for each module.
func tag(tree string, modules []string, version string) error {
	for _, argv := range [][]string{{"git", "add", "-A"}, {"git", "commit", "-q", "--allow-empty", "-m", "release " + version}} {
		if _, err := output(tree, argv...); err != nil {
			return err
		}
	}
	names := []string{}
	for _, dir := range modules {
		name := strings.TrimPrefix(dir+"/"+version, "./")
		if _, err := output(tree, "git", "tag", "-a", name, "-m", path(dir)+" "+version); err != nil {
			return err
		}
		names = append(names, name)
	}
	say("tagged. To publish: git push origin %s", strings.Join(names, " "))
	return nil
}
