package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
)

// leaves is the step of chat.mjs in which the server is told to end, and at which it is started again.
const before, leaves = "has a history", "is told that the server leaves"

// chatSteps are what peers/chromium/chat.mjs reports, in this order.
var chatSteps = []string{
	"shows who is here", "shows who types", "hands on what is said", "shows the round trip", "fits 360 pixels",
	"shows that the network is lost", "shows who has left", "sends what was said meanwhile, once", "is whole again", before,
	leaves, "comes back when the server does", "goes on", "has no error",
}

// chat has two visitors of examples/chat in Chromium, of whom one loses its network, and a server that restarts.
func (r *run) chat(ctx context.Context) *table {
	t := &table{title: "The page of examples/chat", corner: "browser"}
	if !r.cases.has("chat") || !r.peers.has("chromium") {
		return t
	}
	t.columns = chatSteps
	line := r.row("Two visitors in Chromium")
	t.rows = append(t.rows, line)
	preparing, cancel := context.WithTimeout(ctx, installTime)
	defer cancel()
	if _, err := peers[0].ready(preparing, r.say); err != nil {
		line.skip(err)
		return t
	}
	ctx, cancel = context.WithTimeout(ctx, startTime+2*cellTime)
	defer cancel()
	if err := r.talkTogether(ctx, line); err != nil && line.bad() == 0 {
		line.done(chatSteps[0], err)
	}
	return t
}

// talkTogether starts the server and the browser and hears of every step.
func (r *run) talkTogether(ctx context.Context, line *row) error {
	program := filepath.Join(r.dir, "chat")
	if _, err := command(ctx, ".", "go", "build", "-o", program, "github.com/spindrift-go/spindrift/examples/chat"); err != nil {
		return err
	}
	server, address, err := startChat(ctx, program, "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer func() { server.terminate() }()
	browser, err := start(ctx, folder("chromium"), "node", "chat.mjs", "http://"+address+"/")
	if err != nil {
		return err
	}
	defer browser.end()
	for _, step := range chatSteps {
		var said struct{ Step, Error string }
		err := browser.hear(ctx, &said)
		if err == nil && said.Error != "" {
			err = errors.New(said.Error)
		}
		if line.done(step, err); err != nil {
			return nil
		}
		switch step {
		case before:
			server.terminate()
		case leaves:
			if server, _, err = startChat(ctx, program, address); err != nil {
				return err
			}
		}
	}
	return nil
}

func startChat(ctx context.Context, program, addr string) (server *child, address string, err error) {
	if server, err = start(ctx, ".", program, "-addr", addr); err != nil {
		return nil, "", err
	}
	greeting, err := server.next(ctx) // chat: open URL in two browsers
	words := strings.Fields(greeting)
	if err != nil || len(words) < 3 {
		server.terminate()
		return nil, "", fmt.Errorf("chat said %q: %w", greeting, err)
	}
	u, err := url.Parse(words[2])
	if err != nil {
		server.terminate()
		return nil, "", err
	}
	return server, "127.0.0.1:" + u.Port(), nil
}
