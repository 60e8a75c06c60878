// Package serve is what the programs of Go contenders share: the command line, what a process tells about itself, and rooms. What
// all of them link is in every contender's heap, so no WebSocket library is imported here.
package serve

import (
	"crypto/tls"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
)

// A Contender is one way to serve.
type Contender struct {
	Name  string   `json:"name"`
	Kind  string   `json:"kind"`  // floor, peer or ours
	About string   `json:"about"` // how it is set up
	Room  string   `json:"room"`  // whether a slow member stalls everyone on /broadcast, and how its messages are sent
	UTF8  string   `json:"utf8"`  // who checks text, or that nobody does
	Rows  []string `json:"rows"`  // the kinds of load that it takes: echo, deflate, tls, broadcast, http, http2, http-actor

	Serve func(net.Listener, Setup) error `json:"-"`
}

// A Setup is what the command line asks of every contender alike.
type Setup struct {
	Deflate bool
	TLS     *tls.Config // nil without -tls
	HTTP2   bool
}

// Protocols are what an http.Server is to speak; nil: as always.
func (s Setup) Protocols() *http.Protocols {
	if !s.HTTP2 {
		return nil
	}
	p := new(http.Protocols)
	p.SetUnencryptedHTTP2(true)
	return p
}

// Main serves as the contender that the command line names, or lists them all.
func Main(all []Contender) {
	if err := run(all); err != nil {
		fmt.Fprintln(os.Stderr, "server:", err)
		os.Exit(1)
	}
}

func run(all []Contender) error {
	name := flag.String("contender", "", "the `NAME` of the server to run; see -list")
	addr := flag.String("addr", "127.0.0.1:0", "`HOST:PORT` to serve on; port 0 picks a free one")
	stats := flag.String("stats", "", "`HOST:PORT` for /stats, none when empty")
	deflate := flag.Bool("deflate", false, "agree to permessage-deflate, level 1, no context takeover")
	secure := flag.Bool("tls", false, "serve TLS with a certificate made at the start")
	http2 := flag.Bool("http2", false, "serve HTTP/2 in clear and nothing else; WebSockets over it want GODEBUG=http2xconnect=1")
	debug := flag.Bool("debug", false, "add /debug/pprof to the -stats listener")
	list := flag.Bool("list", false, "print the contenders as JSON and stop")
	flag.Parse()

	if *list {
		out := json.NewEncoder(os.Stdout)
		out.SetIndent("", "  ")
		return out.Encode(all)
	}
	chosen, err := find(all, *name)
	if err != nil {
		return err
	}
	s := Setup{Deflate: *deflate, HTTP2: *http2}
	if *secure {
		if s.TLS, err = selfSigned(); err != nil {
			return err
		}
	}
	ln, err := net.Listen("tcp", *addr)
	if err != nil {
		return err
	}
	said := "serving " + ln.Addr().String()
	if *stats != "" {
		at, err := serveStats(*stats, *debug)
		if err != nil {
			return err
		}
		said += " stats " + at
	}
	fmt.Println(said)
	return chosen.Serve(ln, s)
}

func find(all []Contender, name string) (Contender, error) {
	var names []string
	for _, c := range all {
		if c.Name == name {
			return c, nil
		}
		names = append(names, c.Name)
	}
	return Contender{}, fmt.Errorf("no contender %q; there are %s", name, strings.Join(names, ", "))
}
