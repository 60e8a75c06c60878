// Command server is every Go contender of the bench in one program: an echo server on /, a room on /broadcast where each
// message goes to everyone, and a plain response on /plain.
//
//	go run ./server -contender gorilla -addr 127.0.0.1:9001
//	go run ./server -list
package main

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

// A contender is one way to serve.
type contender struct {
	Name  string   `json:"name"`
	Kind  string   `json:"kind"`  // floor, peer or ours
	About string   `json:"about"` // how it is set up
	Room  string   `json:"room"`  // whether a slow member stalls everyone on /broadcast, and how its messages are sent
	UTF8  string   `json:"utf8"`  // who checks text, or that nobody does
	Rows  []string `json:"rows"`  // the kinds of load that it takes: echo, deflate, tls, broadcast, http, http2, http-actor

	serve func(net.Listener, setup) error
}

// A setup is what the command line asks of every contender alike.
type setup struct {
	deflate bool
	tls     *tls.Config // nil without -tls
	http2   bool
}

// protocols are what an http.Server is to speak; nil: as always.
func (s setup) protocols() *http.Protocols {
	if !s.http2 {
		return nil
	}
	p := new(http.Protocols)
	p.SetUnencryptedHTTP2(true)
	return p
}

func contenders() []contender {
	var all []contender
	for _, some := range [][]contender{
		rawContenders(), gorillaContenders(), coderContenders(), gobwasContenders(), gwsContenders(), nbioContenders(), httpContenders(), http2Contenders(), spindriftContenders(),
	} {
		all = append(all, some...)
	}
	return all
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "server:", err)
		os.Exit(1)
	}
}

func run() error {
	name := flag.String("contender", "", "the `NAME` of the server to run; see -list")
	addr := flag.String("addr", "127.0.0.1:0", "`HOST:PORT` to serve on; port 0 picks a free one")
	stats := flag.String("stats", "", "`HOST:PORT` for /stats, none when empty")
	deflate := flag.Bool("deflate", false, "agree to permessage-deflate, level 1, no context takeover")
	secure := flag.Bool("tls", false, "serve TLS with a certificate made at the start")
	http2 := flag.Bool("http2", false, "serve HTTP/2 in clear and nothing else; WebSockets over it want GODEBUG=http2xconnect=1")
	debug := flag.Bool("debug", false, "add /debug/pprof to the -stats listener")
	list := flag.Bool("list", false, "print the contenders as JSON and stop")
	flag.Parse()

	all := contenders()
	if *list {
		out := json.NewEncoder(os.Stdout)
		out.SetIndent("", "  ")
		return out.Encode(all)
	}
	chosen, err := find(all, *name)
	if err != nil {
		return err
	}
	s := setup{deflate: *deflate, http2: *http2}
	if *secure {
		if s.tls, err = selfSigned(); err != nil {
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
	return chosen.serve(ln, s)
}

func find(all []contender, name string) (contender, error) {
	var names []string
	for _, c := range all {
		if c.Name == name {
			return c, nil
		}
		names = append(names, c.Name)
	}
	return contender{}, fmt.Errorf("no contender %q; there are %s", name, strings.Join(names, ", "))
}
