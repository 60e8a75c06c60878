// Command ws is a WebSocket client for the terminal and for scripts: it connects and talks, puts load on a
// server and measures it, or is a small server itself. `ws --help` lists what it can do.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// The exit statuses, which tell a script how it ended.
const (
	inOrder   = iota // closed with 1000, 1001 or no code
	unreached        // there was no connection: a name, the network, TLS, a proxy; or input could not be read
	misused          // the command line
	refused          // the server answered the handshake with something else than 101
	rejected         // a Close with any other code
	broken           // the connection ended without a Close
)

const usage = `usage:
  ws [flags] URL               lines of standard input go out as messages, messages come out as lines
  ws load [flags] URL          many connections to a server that echoes: how many messages, how fast
  ws serve [flags] echo        a server that sends everything back
  ws serve [flags] chat        one that sends everything to everybody
  ws serve [flags] record FILE one that writes what it gets to FILE, a JSON object a line; "-" is standard output

  ws --help, ws load --help and ws serve --help list the flags.

exit status:
  0  closed in order: 1000, 1001, or without a code
  1  no connection was made, or a file could not be read or written
  2  a mistake on the command line
  3  the server answered with an HTTP response in place of a WebSocket
  4  closed with any other code
  5  the connection broke without a Close
`

// misuse is an error of the command line.
type misuse struct{ error }

func misusef(format string, args ...any) error { return misuse{fmt.Errorf(format, args...)} }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	go func() {
		<-ctx.Done()
		stop() // the first Ctrl-C closes in order, a second one kills
	}()
	os.Exit(run(ctx, os.Args[1:], standard()))
}

// run is the program. It returns the exit status.
func run(ctx context.Context, args []string, c *console) int {
	command := talk
	if len(args) > 0 {
		switch args[0] {
		case "load":
			command, args = load, args[1:]
		case "serve":
			command, args = serve, args[1:]
		case "help":
			args = []string{"--help"}
		}
	}
	err := command(ctx, args, c)
	status, line := verdict(err)
	if line != "" {
		fmt.Fprintln(c.err, "ws: "+line)
	}
	return status
}

// parse parses flags that stand before, between or behind the operands, which it returns.
func parse(flags *flag.FlagSet, args []string, c *console, synopsis string) (operands []string, err error) {
	flags.SetOutput(io.Discard)
	for {
		if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
			fmt.Fprint(c.out, synopsis, "\nflags:\n")
			flags.SetOutput(c.out)
			flags.PrintDefaults()
			return nil, err
		} else if err != nil {
			return nil, misusef("%s (--help lists the flags)", wanted(flags, err))
		}
		rest := flags.Args()
		if len(rest) == 0 {
			return operands, nil
		}
		if n := len(args) - len(rest); n > 0 && args[n-1] == "--" {
			return append(operands, rest...), nil
		}
		operands, args = append(operands, rest[0]), rest[1:]
	}
}

// wanted says what the value of a flag has to be, of which package flag says "parse error".
func wanted(flags *flag.FlagSet, err error) string {
	line, unclear := strings.CutSuffix(err.Error(), "parse error")
	f := flags.Lookup(strings.TrimSuffix(line[strings.LastIndex(line, "-")+1:], ": "))
	if !unclear || f == nil {
		return err.Error()
	}
	switch f.Value.(flag.Getter).Get().(type) { // it is one of package flag's
	case time.Duration:
		return line + "want a time such as 500ms or 1m"
	case float64:
		return line + "want a number"
	case bool:
		return line + "want true or false"
	}
	return line + "want a whole number"
}
