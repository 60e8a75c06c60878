// Package protocol is what the program says to its peers and they to it, as
// peers/README.md tells, and the half of it that peers in Go have in common.
// It knows no WebSocket.
package protocol

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"strings"
	"sync"
)

// Hello is the first line of a peer.
type Hello struct {
	Version  string `json:"version"`
	Plain    int    `json:"plain"`
	TLS      int    `json:"tls"`
	Declined int    `json:"declined"`
}

// Report is the line of a peer about a connection that has ended.
type Report struct {
	Case     string   `json:"case"`
	Code     int      `json:"code"`     // of the Close received; 0: the library does not tell
	Reason   string   `json:"reason"`   // of the same
	Protocol string   `json:"protocol"` // the subprotocol agreed on
	Seen     []string `json:"seen"`     // "text 5", "binary 0": the messages received
	Error    string   `json:"error"`    // what the peer found wrong
}

// Order is a client's task.
type Order struct {
	Case, URL string
	TLS       *tls.Config
}

// Peer is a library in Go.
type Peer struct {
	Module string // its path, to find out its version
	Client func(Order) Report
	Serve  func(w http.ResponseWriter, r *http.Request, declined bool) Report
}

// Main runs a peer as its arguments say.
func (p Peer) Main() {
	if err := p.run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func (p Peer) run(args []string) error {
	switch {
	case len(args) == 2 && args[0] == "client":
		return p.client(args[1])
	case len(args) == 3 && args[0] == "server":
		return p.server(args[1], args[2])
	}
	return errors.New("usage: peer client CA.pem | peer server CERT.pem KEY.pem")
}

func (p Peer) client(authority string) error {
	pem, err := os.ReadFile(authority)
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	say(Hello{Version: p.version()})
	for orders := bufio.NewScanner(os.Stdin); orders.Scan(); {
		name, url, _ := strings.Cut(orders.Text(), " ")
		r := p.Client(Order{name, url, &tls.Config{RootCAs: roots}})
		r.Case = name
		say(r)
	}
	return nil
}

func (p Peer) server(cert, key string) error {
	hello := Hello{Version: p.version()}
	for _, at := range []*int{&hello.Plain, &hello.TLS, &hello.Declined} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		*at = l.Addr().(*net.TCPAddr).Port
		declined := at == &hello.Declined
		serve := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			report := p.Serve(w, r, declined)
			report.Case = strings.TrimPrefix(r.URL.Path, "/")
			say(report)
		})
		if at == &hello.TLS {
			go http.ServeTLS(l, serve, cert, key)
		} else {
			go http.Serve(l, serve)
		}
	}
	say(hello)
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

// version is the module's path, short of its host, and version.
func (p Peer) version() string {
	_, name, _ := strings.Cut(p.Module, "/")
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if m.Path == p.Module {
				return name + " " + m.Version
			}
		}
	}
	return name
}

var saying sync.Mutex

func say(what any) {
	line, err := json.Marshal(what)
	if err != nil {
		panic(err)
	}
	saying.Lock()
	defer saying.Unlock()
	fmt.Printf("%s\n", line)
}
