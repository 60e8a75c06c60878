package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"text/template"
	"time"

	"github.com/spindrift-go/spindrift/pipeline"
)

// A proxyKind is a reverse proxy, with its configuration under peers. The
// configuration ends connections that are silent for 2 s.
type proxyKind struct {
	name, config string
	argv         func(config, dir string) []string
}

var proxies = []proxyKind{
	{"nginx", "nginx.conf", func(config, dir string) []string { return []string{"nginx", "-p", dir, "-c", config, "-e", "stderr"} }},
	{"haproxy", "haproxy.cfg", func(config, dir string) []string { return []string{"haproxy", "-db", "-f", config} }},
}

// ports is what the configurations are filled in with.
type ports struct {
	Plain, TLS           int    // to listen on
	Server               string // to pass on to
	Cert, Key, Pair, Dir string
}

// behind is our server, our client's way to it, and the proxy between.
type behind struct {
	*run
	host *host
	ports
}

var proxyChecks = []struct {
	name string
	run  func(*behind, context.Context) error
}{
	{"HTTP", (*behind).plainHTTP},
	{"refusal", (*behind).refusal},
	{"upgrade, origin, echo", (*behind).echo},
	{"1 MiB", (*behind).mib},
	{"ping", (*behind).ping},
	{"deflate", (*behind).deflate},
	{"TLS", (*behind).tls},
	{"close", (*behind).close},
	{"idle 3 s, with pings", (*behind).alive},
	{"cut when idle", (*behind).cut},
	{"drain", (*behind).drain},
}

func (r *run) proxy(ctx context.Context) *table {
	t := &table{title: "Behind proxies", corner: "proxy"}
	if !r.cases.has("proxy") {
		return t
	}
	for _, c := range proxyChecks {
		t.columns = append(t.columns, c.name)
	}
	for _, k := range proxies {
		if r.peers.has(k.name) && ctx.Err() == nil {
			line := r.row("Behind " + k.name)
			t.rows = append(t.rows, line)
			if err := r.proxyRow(ctx, k, line); err != nil {
				line.done(t.columns[0], err)
			}
		}
	}
	return t
}

func (r *run) proxyRow(ctx context.Context, k proxyKind, line *row) error {
	if err := have(k.name); err != nil {
		line.skip(err)
		return nil
	}
	h, err := serve(r.system, routes{
		"":         {},
		"/deflate": {Compression: &pipeline.Compression{}},
		"/alive":   {PingInterval: time.Second, ReportRTT: true, PingPayload: func() []byte { return []byte("alive") }},
		"/idle":    {PingInterval: -1},
	}, nil)
	if err != nil {
		return err
	}
	defer h.server.Close()
	b := &behind{run: r, host: h}
	proxy, err := b.startProxy(ctx, k)
	if err != nil {
		return err
	}
	defer proxy.terminate()
	for _, c := range proxyChecks {
		if ctx.Err() != nil {
			break
		}
		line.done(c.name, behindProxy(ctx, proxy, func(ctx context.Context) error { return c.run(b, ctx) }))
	}
	return nil
}

// behindProxy makes one check, and adds what the proxy has said last to its error.
func behindProxy(ctx context.Context, proxy *child, check func(context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, cellTime, fmt.Errorf("nothing for %v", cellTime))
	defer cancel()
	if err := check(ctx); err != nil {
		return fmt.Errorf("%w%s", err, proxy.tail.String())
	}
	return nil
}

// startProxy writes the configuration, starts the proxy and waits until it takes
// connections.
func (b *behind) startProxy(ctx context.Context, k proxyKind) (*child, error) {
	dir := filepath.Join(b.dir, k.name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	plain, secure, err := freePorts()
	if err != nil {
		return nil, err
	}
	pair, a := filepath.Join(dir, "pair.pem"), b.authority
	b.ports = ports{plain, secure, b.host.addr, a.cert, a.key, pair, dir}
	if err := concatenate(pair, a.cert, a.key); err != nil {
		return nil, err
	}
	config, err := configure(k.name, k.config, dir, b.ports)
	if err != nil {
		return nil, err
	}
	return b.launch(ctx, k.argv(config, dir))
}

// configure writes the configuration named file of a proxy to dir, filled in with data.
func configure(proxy, file, dir string, data any) (config string, err error) {
	t, err := template.ParseFiles(filepath.Join(folder(proxy), file))
	if err != nil {
		return "", err
	}
	var text bytes.Buffer
	if err := t.Execute(&text, data); err != nil {
		return "", err
	}
	config = filepath.Join(dir, file)
	return config, os.WriteFile(config, text.Bytes(), 0o600)
}

// launch starts a proxy and waits until it takes connections.
func (b *behind) launch(ctx context.Context, argv []string) (*child, error) {
	proxy, err := start(ctx, b.Dir, argv...)
	if err != nil {
		return nil, err
	}
	proxy.stdin.Close()
	if err := b.listening(ctx, proxy); err != nil {
		proxy.terminate()
		return nil, err
	}
	return proxy, nil
}

func (b *behind) listening(ctx context.Context, proxy *child) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	for {
		c, err := net.Dial("tcp", b.addr())
		if err == nil {
			return c.Close()
		}
		select {
		case <-proxy.ended:
			return fmt.Errorf("it ended (%v)%s", proxy.cmd.ProcessState, proxy.tail.String())
		case <-ctx.Done():
			return errors.New("it does not listen" + proxy.tail.String())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// freePorts finds two ports that nobody has.
func freePorts() (a, b int, err error) {
	for _, port := range []*int{&a, &b} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return 0, 0, err
		}
		defer l.Close()
		*port = l.Addr().(*net.TCPAddr).Port
	}
	return a, b, nil
}

func concatenate(name string, parts ...string) error {
	var all []byte
	for _, part := range parts {
		p, err := os.ReadFile(part)
		if err != nil {
			return err
		}
		all = append(all, p...)
	}
	return os.WriteFile(name, all, 0o600)
}

func (b *behind) addr() string { return fmt.Sprintf("127.0.0.1:%d", b.Plain) }
