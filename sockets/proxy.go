package sockets

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/spindrift-go/spindrift/actors/httpclient"
	"github.com/spindrift-go/spindrift/internal/errorlog"
	"golang.org/x/net/proxy"
)

// ProxyError says that a proxy has not connected a client to its server.
type ProxyError struct {
	Proxy  string      // its URL, without the password
	Status int         // of its answer, 407 where it wants credentials; 0: it gave none
	Header http.Header // of the same answer
	Body   []byte      // its first KiB
	Err    error       // what else was wrong; nil if Status says it
}

func (e *ProxyError) Error() string {
	why := fmt.Sprintf("status %d %s", e.Status, http.StatusText(e.Status))
	if e.Err != nil {
		why = e.Err.Error()
	}
	return errorlog.OneLine("proxy " + e.Proxy + ": " + why)
}

func (e *ProxyError) Unwrap() error { return e.Err }

// proxyPorts are the ports of proxies whose URL names none.
var proxyPorts = map[string]string{"http": "80", "https": "443", "socks5": "1080", "socks5h": "1080"}

// proxy returns the proxy on the way to base; nil: none.
func (d *Dialer) proxy(ctx context.Context, base *url.URL) (*url.URL, error) {
	choose := d.Proxy
	if choose == nil {
		choose = http.ProxyFromEnvironment
	}
	r := (&http.Request{Method: http.MethodGet, URL: base, Host: base.Host, Header: http.Header{}}).WithContext(ctx)
	via, err := choose(r)
	switch {
	case err != nil && strings.Contains(err.Error(), "@"): // net/http's own error repeats the password
		return nil, errors.New("proxy: its address is not a URL")
	case err != nil:
		return nil, fmt.Errorf("proxy: %w", err)
	case via == nil:
		return nil, nil
	case proxyPorts[via.Scheme] == "":
		return nil, fmt.Errorf("proxy: scheme %q is not http, https or socks5", via.Scheme)
	case via.Hostname() == "":
		return nil, errors.New("proxy: no host")
	}
	return via, nil
}

// tunnel connects to addr through a proxy.
func (d *Dialer) tunnel(ctx context.Context, via *url.URL, addr string) (net.Conn, error) {
	nc, err := d.reachProxy(ctx, via)
	if err != nil {
		return nil, asProxyError(via, err)
	}
	connected := false
	stop := context.AfterFunc(ctx, func() { httpclient.Cut(nc) })
	defer func() {
		if !stop() || !connected {
			httpclient.Cut(nc)
		}
	}()
	if via.Scheme == "http" || via.Scheme == "https" {
		err = d.askTunnel(ctx, nc, via, addr)
	} else {
		err = socksTunnel(ctx, nc, via, addr)
	}
	if ctx.Err() != nil {
		return nil, asProxyError(via, ctx.Err())
	}
	if err != nil {
		return nil, asProxyError(via, err)
	}
	connected = true
	return nc, nil
}

func asProxyError(via *url.URL, err error) *ProxyError {
	e, ok := err.(*ProxyError)
	if !ok {
		e = &ProxyError{Err: err}
	}
	e.Proxy = via.Redacted()
	return e
}

func (d *Dialer) reachProxy(ctx context.Context, via *url.URL) (net.Conn, error) {
	host, err := asciiHost(via)
	if err != nil {
		return nil, err
	}
	if via.Port() == "" {
		host = strings.TrimSuffix(host, ":") + ":" + proxyPorts[via.Scheme]
	}
	nc, err := d.open(ctx, "tcp", host)
	if err != nil || via.Scheme != "https" {
		return nc, err
	}
	return d.withTLS(ctx, nc, via.Hostname())
}

// askTunnel has an HTTP proxy connect nc to addr, RFC 9110 9.3.6.
func (d *Dialer) askTunnel(ctx context.Context, nc net.Conn, via *url.URL, addr string) error {
	r := (&http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: addr}, Host: addr, Header: http.Header{}}).WithContext(ctx)
	if d.connectHeader != nil {
		header, err := d.connectHeader(ctx, via, addr)
		if err != nil {
			return err
		}
		for name, values := range header {
			r.Header[name] = values
		}
	}
	if via.User != nil {
		password, _ := via.User.Password()
		credentials := http.Request{Header: http.Header{}}
		credentials.SetBasicAuth(via.User.Username(), password)
		r.Header.Set("Proxy-Authorization", credentials.Header.Get("Authorization"))
	}
	unsent := r.Write(nc)
	if unsent != nil { // the proxy may have said why
		defer httpclient.CutSoon(nc).Stop()
	}
	for left := maxProxyHead; ; {
		head, err := readHead(nc, left)
		if err != nil {
			return httpclient.Why(unsent, err)
		}
		left -= len(head)
		answer, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(head)), r)
		if err != nil {
			return err
		}
		switch code := answer.StatusCode; {
		case code >= 300 || code == http.StatusSwitchingProtocols:
			return d.judged(ctx, via, answer, refusedTunnel(nc, head, r))
		case code >= 200: // whatever its header says of a body, there is none
			return d.judged(ctx, via, answer, unsent)
		}
	}
}

// judged is what comes of the answer of an HTTP proxy: err, unless the program has something against it.
func (d *Dialer) judged(ctx context.Context, via *url.URL, answer *http.Response, err error) error {
	if d.connectAnswer == nil {
		return err
	}
	answer.Body = http.NoBody
	if refused := (*ProxyError)(nil); errors.As(err, &refused) {
		answer.Body = io.NopCloser(bytes.NewReader(refused.Body))
	}
	return cmp.Or(d.connectAnswer(ctx, via, answer.Request, answer), err)
}

// refusedTunnel keeps what an HTTP proxy says where it does not connect.
func refusedTunnel(nc net.Conn, head []byte, r *http.Request) error {
	defer httpclient.CutSoon(nc).Stop()
	answer, err := http.ReadResponse(bufio.NewReader(io.MultiReader(bytes.NewReader(head), nc)), r)
	if err != nil {
		return err
	}
	body, _ := io.ReadAll(io.LimitReader(answer.Body, 1<<10)) // as much of it as there is
	return &ProxyError{Status: answer.StatusCode, Header: answer.Header, Body: body}
}

const maxProxyHead = 16 << 10

var errProxyHead = errors.New("header of the answer is too long")

// readHead reads a header byte by byte, so that all that stands behind it stays in the
// socket: it belongs to the server, and whoever reads next may read no buffer.
func readHead(r io.Reader, most int) (head []byte, err error) {
	var b [1]byte
	for len(head) < most {
		if _, err := io.ReadFull(r, b[:]); err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
		head = append(head, b[0])
		if bytes.HasSuffix(head, []byte("\n\r\n")) || bytes.HasSuffix(head, []byte("\n\n")) {
			return head, nil
		}
	}
	return nil, errProxyHead
}

// socksTunnel has a SOCKS5 proxy connect nc to addr, RFC 1928 and 1929.
func socksTunnel(ctx context.Context, nc net.Conn, via *url.URL, addr string) error {
	var auth *proxy.Auth
	if via.User != nil {
		auth = &proxy.Auth{User: via.User.Username()}
		auth.Password, _ = via.User.Password()
	}
	socks, err := proxy.SOCKS5("tcp", via.Host, auth, nil)
	if err != nil {
		return err
	}
	over, ok := socks.(interface {
		DialWithConn(ctx context.Context, nc net.Conn, network, addr string) (net.Addr, error)
	})
	if !ok {
		return fmt.Errorf("a %T of golang.org/x/net/proxy connects nothing that is there", socks)
	}
	_, err = over.DialWithConn(context.WithoutCancel(ctx), nc, "tcp", addr) // the time is ours: it would set it on nc as a deadline
	return err
}
