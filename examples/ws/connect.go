package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"flag"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/spindrift-go/spindrift/sockets"
	"golang.org/x/net/http/httpguts"
)

// connecting is what flags say of how to connect.
type connecting struct {
	header       headers
	user         string
	subprotocols string
	origin       string
	proxy        string
	cacert       string
	insecure     bool
	compress     bool
	redirects    int
	timeout      time.Duration
	max          int64
}

func (c *connecting) flags(f *flag.FlagSet) {
	c.header = headers{}
	f.Var(c.header, "H", "header of the request, `'NAME: VALUE'`; may be given again")
	f.StringVar(&c.user, "user", "", "`NAME:PASSWORD` for HTTP basic authentication")
	f.StringVar(&c.subprotocols, "subprotocol", "", "subprotocols to offer, `A,B`, the preferred one first")
	f.StringVar(&c.origin, "origin", "", "Origin header, `URL` of the page that a browser would come from")
	f.StringVar(&c.proxy, "proxy", "", "`URL` of an http, https or socks5 proxy; none: no proxy (default: that of the environment)")
	f.StringVar(&c.cacert, "cacert", "", "PEM `FILE` with certificates to trust in place of the system's")
	f.BoolVar(&c.insecure, "insecure", false, "accept any certificate: for tests")
	f.BoolVar(&c.compress, "compress", false, "offer permessage-deflate")
	f.IntVar(&c.redirects, "redirects", 0, "how many redirects to follow")
	f.DurationVar(&c.timeout, "timeout", 10*time.Second, "for the connection to be made")
	f.Int64Var(&c.max, "max", 64<<20, "`BYTES` of a message that is accepted; -1: any")
}

// options are the terms that the flags ask for.
func (c *connecting) options() (*sockets.DialOptions, error) {
	switch {
	case c.max == 0 || c.max < -1:
		return nil, misusef("-max must be more than 0, or -1 for any length")
	case c.redirects < 0 || c.timeout <= 0:
		return nil, misusef("-timeout must be more than 0, -redirects not less")
	}
	o := &sockets.DialOptions{
		Header:  http.Header(c.header).Clone(),
		Options: &sockets.Options{MaxMessage: c.max},
		Dialer:  sockets.Dialer{Redirects: c.redirects, Timeout: c.timeout, TLS: &tls.Config{InsecureSkipVerify: c.insecure}},
	}
	if c.user != "" {
		if !strings.Contains(c.user, ":") {
			return nil, misusef("-user wants NAME:PASSWORD")
		}
		o.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(c.user)))
	}
	if c.origin != "" {
		o.Header.Set("Origin", c.origin)
	}
	if c.subprotocols != "" {
		for name := range strings.SplitSeq(c.subprotocols, ",") {
			if name = strings.TrimSpace(name); !httpguts.ValidHeaderFieldName(name) {
				return nil, misusef("-subprotocol %q is not a list of names such as v2.chat,chat", c.subprotocols)
			}
			o.Options.Subprotocols = append(o.Options.Subprotocols, name)
		}
	}
	if c.compress {
		o.Options.Compression = &pipeline.Compression{}
	}
	switch c.proxy {
	case "":
	case "none":
		o.Dialer.Proxy = sockets.NoProxy
	default:
		u, err := url.Parse(c.proxy)
		if err != nil || u.Host == "" || !slices.Contains([]string{"http", "https", "socks5", "socks5h"}, u.Scheme) {
			return nil, misusef("-proxy %q is not a URL such as http://proxy:3128 or socks5://proxy:1080", c.proxy)
		}
		o.Dialer.Proxy = http.ProxyURL(u)
	}
	if c.cacert != "" {
		pem, err := os.ReadFile(c.cacert)
		if err != nil {
			return nil, err
		}
		o.Dialer.TLS.RootCAs = x509.NewCertPool()
		if !o.Dialer.TLS.RootCAs.AppendCertsFromPEM(pem) {
			return nil, misusef("-cacert %s: no certificate in it", c.cacert)
		}
	}
	return o, nil
}

// headers are the values of -H.
type headers http.Header

func (h headers) String() string { return "" }

func (h headers) Set(line string) error {
	name, value, ok := strings.Cut(line, ":")
	name, value = strings.TrimSpace(name), strings.TrimSpace(value)
	if !ok || !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) {
		return misusef("want 'NAME: VALUE'")
	}
	http.Header(h).Add(name, value)
	return nil
}

// target is the one operand as the URL of a WebSocket. What has no scheme gets one: ws on this machine, wss elsewhere.
func target(operands []string) (string, error) {
	switch {
	case len(operands) == 0:
		return "", misusef("no URL is given, such as ws://localhost:8080/ (--help says more)")
	case len(operands) > 1:
		return "", misusef("unexpected %q behind the URL: quote what contains spaces", operands[1])
	}
	text := operands[0]
	if strings.HasPrefix(text, ":") {
		text = "localhost" + text
	}
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok {
		rest = text
	}
	u, err := url.Parse("http://" + rest)
	switch {
	case err == nil && u.Port() != "" && !isPort(u.Port()):
		return "", misusef("%q: %s is no port: 1 to 65535", operands[0], u.Port())
	case strings.Contains(rest, "#"):
		return "", misusef("%q: the URL of a WebSocket has no #fragment", operands[0])
	case err != nil || u.Host == "":
		return "", misusef("%q is not the URL of a WebSocket, such as ws://localhost:8080/", operands[0])
	case !ok && loopback(hostOf("ws://"+text)):
		return "ws://" + text, nil
	case !ok:
		return "wss://" + text, nil
	case scheme == "http":
		return "ws://" + rest, nil
	case scheme == "https":
		return "wss://" + rest, nil
	case scheme != "ws" && scheme != "wss":
		return "", misusef("%q is not the URL of a WebSocket: ws:// or wss://", operands[0])
	}
	return text, nil
}

func isPort(port string) bool {
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0
}

func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// loopback reports whether a host is this machine.
func loopback(host string) bool {
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || net.ParseIP(host).IsLoopback()
}
