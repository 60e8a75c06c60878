package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"github.com/spindrift-go/spindrift/internal/http2client"
)

// An http2Proxy takes WebSockets by one version of HTTP and hands them on by another, or the same.
type http2Proxy struct {
	name        string
	front, back int // 1 or 2
}

var http2Proxies = []http2Proxy{{"haproxy", 2, 1}, {"haproxy", 1, 2}, {"haproxy", 2, 2}, {"nghttpx", 2, 1}, {"nghttpx", 2, 2}, {"nghttpx", 1, 2}}

func (p http2Proxy) title() string {
	return fmt.Sprintf("%s, HTTP/%d to HTTP/%d", p.name, p.front, p.back)
}

// http2Proxies has proxies between our client and our server, of which one at least speaks HTTP/2. What our client cannot is done by a
// bridge in this process: what goes to the proxy is HTTP/2.
func (r *run) http2Proxies(ctx context.Context) *table {
	t := &table{title: "Behind proxies, over HTTP/2", corner: "proxy"}
	if !r.cases.has("http2") {
		return t
	}
	for _, c := range carriedChecks {
		t.columns = append(t.columns, c.name)
	}
	for _, p := range http2Proxies {
		if r.peers.has(p.name) && ctx.Err() == nil {
			line := r.row(p.title())
			t.rows = append(t.rows, line)
			if err := r.http2ProxyRow(ctx, p, line); err != nil {
				line.done(t.columns[len(line.cells)], err)
			}
		}
	}
	return t
}

func (r *run) http2ProxyRow(ctx context.Context, p http2Proxy, line *row) error {
	if err := have(p.name); err != nil {
		line.skip(err)
		return nil
	}
	s, err := r.startHTTP2(ctx)
	if err != nil {
		return err
	}
	defer s.child.terminate()
	plain, secure, err := freePorts()
	if err != nil {
		return err
	}
	proxy, err := r.startHTTP2Proxy(ctx, p, s, plain, secure)
	if err != nil {
		return err
	}
	defer proxy.terminate()
	c := &carried{run: r, http2Proxy: p, server: s, url: fmt.Sprintf("ws://127.0.0.1:%d", plain), note: func(n string) { line.notes = append(line.notes, n) }}
	if p.front == 2 {
		conn, err := http2client.Dial(fmt.Sprintf("127.0.0.1:%d", secure), &tls.Config{RootCAs: r.authority.roots, ServerName: "127.0.0.1"}, cellTime)
		if err != nil {
			return err
		}
		defer conn.Close()
		l, err := bridge(conn)
		if err != nil {
			return err
		}
		defer l.Close()
		c.url = "ws://" + l.Addr().String()
	}
	for _, check := range carriedChecks {
		line.done(check.name, behindProxy(ctx, proxy, func(ctx context.Context) error { return check.run(c, ctx) }))
	}
	return nil
}

// bridge listens for clients that speak HTTP/1.1, and carries their WebSockets over conn.
func bridge(conn *http2client.Conn) (net.Listener, error) {
	if !conn.Extended() {
		return nil, errors.New("it offers no WebSockets over HTTP/2")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	go func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			go conn.Carry(nc.(*net.TCPConn))
		}
	}()
	return l, nil
}

// startHTTP2Proxy starts p and waits until it takes connections.
func (r *run) startHTTP2Proxy(ctx context.Context, p http2Proxy, s *http2Server, plain, secure int) (*child, error) {
	dir, err := os.MkdirTemp(r.dir, p.name)
	if err != nil {
		return nil, err
	}
	server := fmt.Sprintf("127.0.0.1:%d", s.Plain)
	b := &behind{run: r, ports: ports{plain, secure, server, r.authority.cert, r.authority.key, filepath.Join(dir, "pair.pem"), dir}}
	if err := concatenate(b.Pair, b.Cert, b.Key); err != nil {
		return nil, err
	}
	var argv []string
	switch p.name {
	case "haproxy":
		config, err := configure(p.name, "http2.cfg", dir, struct {
			ports
			HTTP2 bool
		}{b.ports, p.back == 2})
		if err != nil {
			return nil, err
		}
		argv = []string{"haproxy", "-db", "-f", config}
	default:
		backend := fmt.Sprintf("--backend=127.0.0.1,%d;;proto=%s", s.Plain, map[int]string{1: "http/1.1", 2: "h2"}[p.back])
		argv = []string{
			"nghttpx", "--conf=/dev/null", "--workers=1", "--no-host-rewrite", "--errorlog-file=/dev/stderr", "--accesslog-file=/dev/null",
			fmt.Sprintf("--frontend=127.0.0.1,%d;no-tls", plain), fmt.Sprintf("--frontend=127.0.0.1,%d", secure), backend, b.Key, b.Cert,
		}
	}
	return b.launch(ctx, argv)
}
