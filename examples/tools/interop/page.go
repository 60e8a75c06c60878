package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
)

// steps are what peers/chromium/page.mjs reports, in this order.
var steps = []string{
	"opens, whatever the fragment", "compresses", "echoes hello by itself", "echoes what was typed, with a round trip", "echoes 64 KiB",
	"echoes hexadecimal", "tells of JSON that is none", "shows a Ping and its Pong", "shows fragments", "counts what the server does", "fits 360 pixels", "hides rows at 360 pixels",
	"shows the close", "lists the close", "says who closed", "opens again, for 64 KiB", "opens once for two messages", "is told that the server leaves",
	"leaves the console empty",
}

// page uses the page of examples/echo in Chromium, as a visitor would.
func (r *run) page(ctx context.Context) *table {
	t := &table{title: "The page of examples/echo", corner: "browser"}
	if !r.cases.has("page") || !r.peers.has("chromium") {
		return t
	}
	t.columns = append(steps, "the server drains")
	line := r.row("The page in Chromium")
	t.rows = append(t.rows, line)
	preparing, cancel := context.WithTimeout(ctx, installTime)
	defer cancel()
	if _, err := peers[0].ready(preparing, r.say); err != nil {
		line.skip(err)
		return t
	}
	ctx, cancel = context.WithTimeout(ctx, startTime+cellTime)
	defer cancel()
	if err := r.visit(ctx, line); err != nil && line.bad() == 0 {
		line.done(steps[0], err)
	}
	return t
}

// visit starts the server and the browser and hears of every step.
func (r *run) visit(ctx context.Context, line *row) error {
	program := filepath.Join(r.dir, "echo")
	if _, err := command(ctx, ".", "go", "build", "-o", program, "github.com/spindrift-go/spindrift/examples/echo"); err != nil {
		return err
	}
	server, err := start(ctx, ".", program, "-addr", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer server.terminate()
	greeting, err := server.next(ctx) // echo: open URL in a browser, ...
	words := strings.Fields(greeting)
	if err != nil || len(words) < 3 {
		return fmt.Errorf("echo said %q: %w", greeting, err)
	}
	argv := []string{"node", "page.mjs", words[2]}
	if r.picture != "" {
		file, err := filepath.Abs(r.picture)
		if err != nil {
			return err
		}
		argv = append(argv, file)
	}
	browser, err := start(ctx, folder("chromium"), argv...)
	if err != nil {
		return err
	}
	defer browser.end()
	for _, step := range steps {
		var said struct{ Step, Error string }
		if err := browser.hear(ctx, &said); err == nil && said.Error != "" {
			line.done(step, errors.New(said.Error))
			return nil
		} else if err != nil {
			line.done(step, err)
			return nil
		}
		if said.Step != step {
			line.done(step, fmt.Errorf("the page reports %q", said.Step))
			return nil
		}
		line.done(step, nil)
		if step == "opens once for two messages" {
			server.signal(syscall.SIGTERM)
		}
	}
	line.done("the server drains", drained(ctx, server))
	return nil
}

// drained wants the account of a server that was told to end, and its end.
func drained(ctx context.Context, server *child) error {
	for _, want := range []string{"draining 3 connections, 10s at most", "closed 3 connections, cut 0 of them"} {
		if got, err := server.next(ctx); err != nil || got != want {
			return fmt.Errorf("echo said %q: %w", got, err)
		}
	}
	<-server.ended
	return server.err
}
