package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/spindrift-go/spindrift/sockets"
)

// serving is ws serve.
type serving struct {
	*console
	addr, cert, key string
	compress, any   bool
	max             int64
	serve           func(ctx context.Context, c *sockets.Conn) error

	ids     atomic.Int64
	mu      sync.Mutex
	members map[*sockets.Conn]bool // of chat
	record  *json.Encoder
}

const serveUsage = `usage:
  ws serve [flags] echo         sends everything back
  ws serve [flags] chat         sends everything to everybody
  ws serve [flags] record FILE  writes what it gets to FILE, a JSON object a line; "-" is standard output
`

func serve(ctx context.Context, args []string, c *console) error {
	s := &serving{console: c, members: map[*sockets.Conn]bool{}}
	flags := flag.NewFlagSet("ws serve", flag.ContinueOnError)
	flags.StringVar(&s.addr, "addr", "localhost:8080", "`HOST:PORT` to serve on")
	flags.StringVar(&s.cert, "cert", "", "PEM `FILE` of a certificate: serve wss")
	flags.StringVar(&s.key, "key", "", "PEM `FILE` of its key")
	flags.BoolVar(&s.compress, "compress", false, "accept permessage-deflate")
	flags.Int64Var(&s.max, "max", 64<<20, "`BYTES` of a message that is accepted; -1: any")
	flags.BoolVar(&s.any, "any-origin", false, "let any web page connect, with its visitor's cookies: for tests")
	operands, err := parse(flags, args, c, serveUsage)
	if err != nil {
		return err
	}
	if (s.cert == "") != (s.key == "") {
		return misusef("-cert and -key go together")
	}
	if s.max == 0 || s.max < -1 {
		return misusef("-max must be more than 0, or -1 for any length")
	}
	if err := s.choose(operands); err != nil {
		return err
	}
	return s.run(ctx)
}

// choose sets what is done with a connection.
func (s *serving) choose(operands []string) error {
	if len(operands) == 0 {
		return misusef("serve what? echo, chat or record FILE")
	}
	want := 1
	switch operands[0] {
	case "echo":
		s.serve = echo
	case "chat":
		s.serve = s.chat
	case "record":
		want = 2
		s.serve = s.recorded
	default:
		return misusef("%q is none of echo, chat and record", operands[0])
	}
	switch {
	case len(operands) < want:
		return misusef("record wants a FILE, or - for standard output")
	case len(operands) > want:
		return misusef("unexpected %q", operands[want])
	case want == 2 && operands[1] == "-":
		s.record = json.NewEncoder(s.out)
	case want == 2:
		f, err := os.OpenFile(operands[1], os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		if err != nil {
			return err
		}
		s.record = json.NewEncoder(f)
	}
	return nil
}

// run serves until ctx ends, and then lets the connections end.
func (s *serving) run(ctx context.Context) error {
	var certificates []tls.Certificate
	if s.cert != "" {
		pair, err := tls.LoadX509KeyPair(s.cert, s.key)
		if err != nil {
			return err
		}
		certificates = append(certificates, pair)
	}
	l, err := net.Listen("tcp", s.addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%w: choose another with -addr", err)
	} else if err != nil {
		return err
	}
	o := &sockets.Options{InsecureAnyOrigin: s.any, MaxMessage: s.max}
	if s.compress {
		o.Compression = &pipeline.Compression{}
	}
	server := &sockets.Server{Server: http.Server{
		Handler:           &sockets.SessionHandler{Serve: s.session, Options: o},
		ReadHeaderTimeout: 10 * time.Second,
		TLSConfig:         &tls.Config{Certificates: certificates},
	}}
	drained := make(chan error, 1)
	go func() {
		<-ctx.Done()
		s.note(dim, "closing %d connections", server.Connections())
		limited, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		drained <- server.Shutdown(limited)
	}()
	scheme := "ws"
	if s.cert != "" {
		scheme = "wss"
	}
	s.note(dim, "serving %s://%s/, Ctrl-C ends", scheme, l.Addr())
	if s.cert != "" {
		err = server.ServeTLS(l, "", "")
	} else {
		err = server.Serve(l)
	}
	if err != http.ErrServerClosed {
		return err
	}
	return <-drained
}

// session is a connection, with its account on standard error.
func (s *serving) session(ctx context.Context, c *sockets.Conn) error {
	r := c.Request()
	s.note(dim, "%s open %s", r.RemoteAddr, r.URL)
	go func() {
		<-c.Done()
		end := c.Closed()
		s.note(dim, "%s closed by %s: %s", r.RemoteAddr, end.By, code(end.Code, end.Reason))
	}()
	return s.serve(ctx, c)
}

func echo(ctx context.Context, c *sockets.Conn) error {
	for m, err := range c.Messages(ctx) {
		if err != nil {
			return err
		}
		if err := c.Send(ctx, m.Handover()); err != nil {
			return err
		}
	}
	return nil
}
