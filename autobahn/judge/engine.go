package main

import (
	"context"
	"os/exec"
)

// An engine judges: it is a program of somebody else's that plays the peer of ours.
type engine interface {
	// prepare makes sure that the engine can run here. Its error is one line for the user.
	prepare(ctx context.Context) error
	// fuzzServer returns the command that plays the client of the server at j.addr.
	fuzzServer(ctx context.Context, j job) (*exec.Cmd, error)
	// fuzzClient returns the command that listens on j.addr and plays the server.
	fuzzClient(ctx context.Context, j job) (*exec.Cmd, error)
	// stays reports whether the engine goes on listening after the client's updateReports.
	stays() bool
}

// A job is what an engine is asked to do in one role.
type job struct {
	role  string
	addr  string
	dir   string   // where index.json and the pages go; it exists and is empty but for logs
	cases []string // ids; nil is the whole suite
}

// serves reports whether the program under test is a server.
func (j job) serves() bool { return j.role != "client" }
