package main

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// http2Steps are what http2server/page.html and peers/wsproto/peer.py report, in this order.
var http2Steps = []string{
	"page over HTTP/2", "first", "again", "after close", "echo", "1 MiB", "deflate", "subprotocol", "50 at once", "closes with 4001",
	"closes without a code", "is closed with 4002", "is cut: 1006", "no WebSocket there: refused", "is left",
}

const http2Drain = "the server drains"

// An http2Client is a peer that opens WebSockets over HTTP/2. It needs no more than to be started.
type http2Client struct {
	name, title string
	tools       []string
	peer        *Peer // whose folder it has, with what is to be installed; nil: none
	clear       bool  // it wants no TLS
	version     []string
	argv        func(context.Context, *run, *http2Server) ([]string, error)
	cannotDrain string // why it cannot be told that the server leaves
}

var wsproto = Peer{name: "wsproto", title: "Python h2 and wsproto", tools: []string{"python3"}, install: venv, argv: []string{".venv/bin/python", "peer.py"}}

const noGoAway = "h2 4.4.1 takes no frame behind a GOAWAY, which its connections are told first"

var http2Clients = []http2Client{
	{name: "chromium", title: "Chromium", tools: []string{"/usr/bin/chromium"}, version: []string{"/usr/bin/chromium", "--version"}, argv: chromium},
	{name: "firefox", title: "Firefox", tools: []string{"firefox-esr", "certutil"}, version: []string{"firefox-esr", "--version"}, argv: firefox},
	{name: "wsproto", title: "Python h2 4.4.1, wsproto 1.3.2", peer: &wsproto, argv: pythonH2, cannotDrain: noGoAway},
	{name: "wsproto", title: "Python h2 4.4.1, wsproto 1.3.2, in clear", peer: &wsproto, argv: pythonH2, clear: true, cannotDrain: noGoAway},
}

// http2 has WebSockets over HTTP/2 opened by browsers and others, and carried by proxies.
func (r *run) http2(ctx context.Context) *table {
	t := &table{title: "Over HTTP/2", corner: "client"}
	if !r.cases.has("http2") {
		return t
	}
	t.columns = append(http2Steps, http2Drain)
	for i := range http2Clients {
		c := &http2Clients[i]
		if !r.peers.has(c.name) || ctx.Err() != nil {
			continue
		}
		line := r.row(c.title)
		t.rows = append(t.rows, line)
		if err := r.http2Row(ctx, c, line); err != nil && line.skipped == "" && line.bad() == 0 {
			line.done(t.columns[len(line.cells)], err)
		}
	}
	return t
}

func (r *run) http2Row(ctx context.Context, c *http2Client, line *row) error {
	preparing, cancel := context.WithTimeout(ctx, installTime)
	defer cancel()
	if err := have(c.tools...); err != nil {
		line.skip(err)
		return nil
	}
	if c.peer != nil {
		if _, err := c.peer.ready(preparing, r.say); err != nil {
			line.skip(err)
			return nil
		}
	}
	if c.version != nil {
		if out, err := command(preparing, ".", c.version...); err == nil {
			line.name = versionOf(out)
		}
	}
	ctx, cancel = context.WithTimeoutCause(ctx, startTime+2*cellTime, errors.New("nothing more"))
	defer cancel()
	s, err := r.startHTTP2(ctx)
	if err != nil {
		return err
	}
	defer s.child.terminate()
	argv, err := c.argv(ctx, r, s)
	if err != nil {
		return err
	}
	if c.clear {
		argv = append(argv, "clear")
	}
	visitor, err := start(ctx, ".", argv...)
	if err != nil {
		return err
	}
	defer visitor.terminate()
	if err := s.hearSteps(ctx, visitor, line); err != nil {
		return err
	}
	s.child.signal(syscall.SIGTERM)
	if c.cannotDrain != "" {
		line.cannot(http2Drain, c.cannotDrain)
		return nil
	}
	line.done(http2Drain, s.drained(ctx))
	return nil
}

// versionOf is the name and the number of what --version prints.
func versionOf(out string) string {
	words := strings.Fields(out)
	for i, w := range words {
		if w[0] >= '0' && w[0] <= '9' {
			return strings.Join(words[:i+1], " ")
		}
	}
	return strings.Join(words, " ")
}

// hearSteps hears the server of every step, until there is one more WebSocket that stays.
func (s *http2Server) hearSteps(ctx context.Context, visitor *child, line *row) error {
	go func() { // nobody reads what it prints
		for range visitor.lines {
		}
	}()
	for _, step := range append(http2Steps, "stays") {
		var said struct{ Step, Error, Note string }
		if err := s.child.hear(ctx, &said); err != nil {
			return fmt.Errorf("%w%s", err, visitor.tail.String())
		}
		switch {
		case said.Step != step:
			return fmt.Errorf("step %q in place of %q", said.Step, step)
		case said.Error != "":
			line.done(step, errors.New(said.Error))
		case step != "stays":
			line.done(step, nil)
		}
		if said.Note != "" {
			line.notes = append(line.notes, said.Note)
		}
	}
	return nil
}

// http2Server is our server over HTTP/2, with its ports.
type http2Server struct {
	child *child
	Plain int `json:"plain"`
	TLS   int `json:"tls"`
}

func (r *run) startHTTP2(ctx context.Context) (*http2Server, error) {
	program := filepath.Join(r.dir, "http2server")
	if _, err := command(ctx, ".", "go", "build", "-o", program, "./http2server"); err != nil {
		return nil, err
	}
	s := new(http2Server)
	var err error
	if s.child, err = start(ctx, ".", program, "-cert", r.authority.cert, "-key", r.authority.key); err != nil {
		return nil, err
	}
	if err = s.child.hear(ctx, s); err != nil {
		s.child.terminate()
	}
	return s, err
}

// drained wants the last WebSocket to have been told 1001, and to have answered.
func (s *http2Server) drained(ctx context.Context) error {
	var d struct {
		Asked int
		Last  struct {
			Code  int
			Clean bool
		}
	}
	if err := s.child.hear(ctx, &d); err != nil {
		return err
	}
	if d.Asked != 1 || d.Last.Code != 1001 || !d.Last.Clean {
		return fmt.Errorf("the server says %+v", d)
	}
	<-s.child.ended
	return s.child.err
}

func (s *http2Server) page() string { return fmt.Sprintf("https://127.0.0.1:%d/", s.TLS) }

// chromium is told to trust the authority's server and no other.
func chromium(_ context.Context, r *run, s *http2Server) ([]string, error) {
	cert, err := x509.ParseCertificate(r.authority.pair.Certificate[0])
	if err != nil {
		return nil, err
	}
	profile, err := os.MkdirTemp(r.dir, "chromium")
	key := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
	argv := []string{
		"/usr/bin/chromium", "--headless", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--user-data-dir=" + profile,
		"--ignore-certificate-errors-spki-list=" + base64.StdEncoding.EncodeToString(key[:]),
	}
	if os.Getuid() == 0 {
		argv = append(argv, "--no-sandbox")
	}
	return append(argv, s.page()), err
}

// firefox has a profile that trusts the authority.
func firefox(ctx context.Context, r *run, s *http2Server) ([]string, error) {
	profile, err := os.MkdirTemp(r.dir, "firefox")
	if err != nil {
		return nil, err
	}
	for _, args := range [][]string{{"-N", "--empty-password"}, {"-A", "-n", "interop", "-t", "C,,", "-i", r.authority.ca}} {
		if _, err := command(ctx, ".", append([]string{"certutil", "-d", "sql:" + profile}, args...)...); err != nil {
			return nil, err
		}
	}
	return []string{"env", "HOME=" + profile, "firefox-esr", "--headless", "--no-remote", "--profile", profile, s.page()}, nil
}

func pythonH2(ctx context.Context, r *run, s *http2Server) ([]string, error) {
	argv, err := wsproto.ready(ctx, r.say)
	argv[1] = filepath.Join(folder(wsproto.name), argv[1])
	return append(argv, r.authority.ca, strconv.Itoa(s.TLS), strconv.Itoa(s.Plain)), err
}
