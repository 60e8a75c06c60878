// Command http2server is our server over HTTP/2, RFC 8441, for the rows of interop that are about it: in a process of its own, since
// what it imports counts for all servers of the process. It says where it listens, prints what its visitors report, a JSON object a
// line, and drains when it is told to end.
package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/spindrift-go/spindrift/sockets"
	_ "github.com/spindrift-go/spindrift/sockets/http2"
)

// page does in a browser what peers/wsproto/peer.py does without one.
//
//go:embed page.html
var page string

func main() {
	cert := flag.String("cert", "", "`FILE` of the certificate")
	key := flag.String("key", "", "`FILE` of its key")
	flag.Parse()
	if err := run(*cert, *key); err != nil {
		fmt.Fprintln(os.Stderr, "http2server:", err)
		os.Exit(1)
	}
}

func run(cert, key string) error {
	stopped, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	a := &account{ended: map[string]*sockets.Closed{}}
	a.changed.L = &a.mu
	var servers [2]*sockets.Server
	var ports [2]int
	for i := range servers {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		ports[i] = l.Addr().(*net.TCPAddr).Port
		s := server(a)
		servers[i] = s
		if i == 0 {
			go s.Serve(l)
		} else {
			go s.ServeTLS(l, cert, key)
		}
	}
	say(map[string]any{"plain": ports[0], "tls": ports[1]})
	<-stopped.Done()
	limit, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	asked := 0
	for _, s := range servers {
		d, err := s.ShutdownResult(limit)
		if err != nil || d.Cut > 0 {
			return fmt.Errorf("shutdown: %+v, %w", d, err)
		}
		asked += d.Asked
	}
	say(map[string]any{"asked": asked, "last": a.of("last", 0)})
	return nil
}

func server(a *account) *sockets.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		io.WriteString(w, page)
	})
	mux.HandleFunc("GET /me", func(w http.ResponseWriter, r *http.Request) {
		json.NewEncoder(w).Encode(greeting{r.Proto, r.RemoteAddr, nil})
	})
	mux.HandleFunc("POST /report", func(w http.ResponseWriter, r *http.Request) {
		var line any
		if json.NewDecoder(r.Body).Decode(&line) == nil {
			say(line)
		}
	})
	mux.HandleFunc("GET /ended", func(w http.ResponseWriter, r *http.Request) {
		json.NewEncoder(w).Encode(a.of(r.FormValue("name"), 5*time.Second))
	})
	mux.Handle("GET /ws", &sockets.SessionHandler{Serve: a.talk, Options: &sockets.Options{
		Subprotocols: []string{"chat.v3", "chat.v2"}, Compression: &pipeline.Compression{},
		MaxFrame: 2 << 20, // 1 MiB of noise does not get smaller
	}})
	return &sockets.Server{Server: http.Server{Handler: mux, Protocols: protocols}}
}

// greeting is the first message of every WebSocket: what it came over, and by which connection.
type greeting struct {
	Proto      string   `json:"proto"`
	Remote     string   `json:"remote"`
	Extensions []string `json:"extensions"`
}

// talk echoes, but for a text that tells it to close, with a code and a reason, or to cut.
func (a *account) talk(ctx context.Context, c *sockets.Conn) error {
	name := c.Request().FormValue("name")
	defer func() {
		c.Close(frame.Normal, "") // a second Close changes nothing
		<-c.Done()
		a.end(name, c.Closed())
	}()
	if err := c.SendJSON(ctx, greeting{c.Request().Proto, c.Request().RemoteAddr, c.Extensions()}); err != nil {
		return err
	}
	for m, err := range c.Messages(ctx) {
		if err != nil {
			return err
		}
		order := strings.Fields(m.String())
		switch {
		case m.Opcode == frame.OpText && len(order) == 3 && order[0] == "close":
			code, _ := strconv.Atoi(order[1])
			return c.Close(frame.Code(code), order[2])
		case m.Opcode == frame.OpText && m.String() == "cut":
			c.Cut()
		default:
			if err := c.Send(ctx, m); err != nil {
				return err
			}
		}
	}
	return nil
}

// account is how WebSockets have ended, by their names.
type account struct {
	mu      sync.Mutex
	changed sync.Cond
	ended   map[string]*sockets.Closed
}

func (a *account) end(name string, c *sockets.Closed) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ended[name] = c
	a.changed.Broadcast()
}

// ended is what is told of a Closed.
type ended struct {
	Code   int    `json:"code"`
	Reason string `json:"reason"`
	Clean  bool   `json:"clean"`
}

// of waits for the end of the one with a name, so long at most.
func (a *account) of(name string, most time.Duration) ended {
	late := false
	a.mu.Lock()
	defer a.mu.Unlock()
	defer time.AfterFunc(most, func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		late = true
		a.changed.Broadcast()
	}).Stop()
	for a.ended[name] == nil && !late {
		a.changed.Wait()
	}
	c := a.ended[name]
	if c == nil {
		return ended{}
	}
	return ended{int(c.Code), c.Reason, c.Clean}
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
