package main

import (
	"flag"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// options is what the user asked for.
type options struct {
	roles     []string
	selection selection
	docker    bool
	update    bool
	python    string
	programs  map[string]string // role -> path of a built program to judge instead of ours
	parallel  int
	limit     time.Duration
}

const usage = `usage: go run ./autobahn/judge [flags]

Runs the Autobahn cases against ./autobahn/server, ./autobahn/client and ./autobahn/http2 and compares
the verdicts with the expectation files. CASES, AUTOBAHN and AUTOBAHN_THIN in the environment stand for -cases,
-docker and -thin.

`

// parseOptions reads the flags, and from the environment what the flags leave open. Help goes to
// out, with flag.ErrHelp as the error.
func parseOptions(args []string, getenv func(string) string, out io.Writer) (*options, error) {
	o := &options{programs: map[string]string{}}
	engine := getenv("AUTOBAHN")
	if engine != "" && engine != "kosoku" && engine != "docker" {
		return nil, fmt.Errorf("AUTOBAHN is %q: it may be kosoku or docker", engine)
	}
	thin := false
	if value := getenv("AUTOBAHN_THIN"); value != "" {
		var err error
		if thin, err = strconv.ParseBool(value); err != nil {
			return nil, fmt.Errorf("AUTOBAHN_THIN is %q: it may be 1 or 0", value)
		}
	}

	flags := flag.NewFlagSet("judge", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	cases := flags.String("cases", getenv("CASES"), "run only these `cases`: ids, groups or globs, as in '6.* 7.1.6'")
	roles := flags.String("roles", "server,client,http2", "judge these `roles`: http2 is the server, over HTTP/2")
	server := flags.String("server", "", "judge the program at this `path` as the server")
	client := flags.String("client", "", "judge the program at this `path` as the client")
	flags.BoolVar(&o.selection.thin, "thin", thin, "leave out most of 12.* and 13.*, for a run of a minute or two")
	flags.BoolVar(&o.docker, "docker", engine == "docker", "let the original suite judge, in its docker image")
	flags.BoolVar(&o.update, "update", false, "write the verdicts to the expectation files instead of comparing")
	flags.StringVar(&o.python, "python", "python3", "Python 3.10 or newer, from which the environment is made")
	flags.IntVar(&o.parallel, "parallel", 4, "cases at a time against the server")
	flags.DurationVar(&o.limit, "timeout", 40*time.Minute, "stop a role after this time")
	if err := flags.Parse(args); err != nil {
		if err == flag.ErrHelp {
			fmt.Fprint(out, usage)
			flags.SetOutput(out)
			flags.PrintDefaults()
		}
		return nil, err
	}

	switch {
	case flags.NArg() > 0:
		return nil, fmt.Errorf("%q is not a flag (a part of the suite is -cases '6.*')", flags.Arg(0))
	case o.parallel < 1:
		return nil, fmt.Errorf("-parallel is %d: it must be 1 or more", o.parallel)
	case o.limit <= 0:
		return nil, fmt.Errorf("-timeout is %v: it must be more than 0", o.limit)
	}
	separator := func(r rune) bool { return r == ',' || r == ' ' }
	o.selection.patterns = strings.FieldsFunc(*cases, separator)
	for _, role := range strings.FieldsFunc(*roles, separator) {
		if role != "server" && role != "client" && role != "http2" {
			return nil, fmt.Errorf("-roles has %q: it may have server, client and http2", role)
		}
		if !slices.Contains(o.roles, role) {
			o.roles = append(o.roles, role)
		}
	}
	if len(o.roles) == 0 {
		return nil, fmt.Errorf("-roles is empty: it may have server, client and http2")
	}
	if *server != "" {
		o.programs["server"] = *server
	}
	if *client != "" {
		o.programs["client"] = *client
	}
	return o, nil
}
