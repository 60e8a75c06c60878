package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets"
	"github.com/spindrift-go/spindrift/sockets/remote"
	"github.com/spindrift-go/spindrift/sockets/rooms"
)

const nodeEnv = "SPINDRIFT_CLUSTER_NODE" // a spec as JSON: this process is that node

// spec is what a node is told when it starts.
type spec struct {
	Name    string
	Addr    string   // where nodes reach it
	HTTP    string   // where clients do; "": it is no gateway
	Worker  bool     // connections have their handlers there
	Workers []string // the addresses of all that have

	Rooms  string   // where nodes reach it for the room
	Routes []string // and the others

	rooms *rooms.Node // once it has started
	room  *rooms.Room
}

// start README cluster

// start makes this process a node. Its server's connections have their handlers on the workers in turn.
func (s *spec) start() (*remote.Node, *sockets.Server, error) {
	system := sockets.NewSystem()
	node, err := remote.Start(system, remote.Config{
		Addr:             s.Addr,
		InsecureLoopback: true, // nodes of one machine; all others need TLS
		Peers:            s.Workers,
		Another:          s.another, // takes over when a worker is lost; nil: 1011
	})
	if err != nil {
		return nil, nil, err
	}
	if s.room, err = s.lobby(system); err != nil {
		return nil, nil, err
	}
	for name, receive := range map[string]actor.ReceiveFunc{"door": door(s.room), "desk": s.desk()} {
		if _, err := system.Root.SpawnNamed(actor.PropsFromFunc(receive), name); err != nil {
			return nil, nil, err
		}
	}
	var next atomic.Int64
	mux := http.NewServeMux()
	mux.HandleFunc("GET /present", s.present)
	mux.Handle("/{$}", &sockets.Handler{New: func(*http.Request) (*sockets.UpgradeServer, error) {
		worker := s.Workers[int(next.Add(1))%len(s.Workers)]
		return &sockets.UpgradeServer{FrameHandler: actor.NewPID(worker, "desk")}, nil
	}})
	return node, &sockets.Server{System: system, Server: http.Server{Addr: s.HTTP, Handler: mux}}, nil
}

// roll ends a node so that nobody is cut off: the clients of this gateway get 1001, those whose handlers
// are here 1012.
func roll(node *remote.Node, server *sockets.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		return err
	}
	return node.Shutdown(ctx)
}

// end README cluster

// runNode is a node's process. It ends with its standard input, so that it does not outlive the program.
func runNode(text string) error {
	var s spec
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return err
	}
	node, server, err := s.start()
	if err != nil {
		return err
	}
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	if s.HTTP != "" {
		go func() {
			if err := server.ListenAndServe(); err != http.ErrServerClosed {
				fmt.Fprintln(os.Stderr, "node:", err)
			}
		}()
	}
	fmt.Println("ready")
	ended := make(chan struct{})
	go func() {
		for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		}
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	case <-term:
		defer s.rooms.Close() // the others know at once that its members are gone
		return roll(node, server)
	}
}

// another is the worker that takes a connection over whose own is lost.
func (s *spec) another(lost *actor.PID) *actor.PID {
	for _, w := range s.Workers {
		if w != lost.Address {
			return actor.NewPID(w, "desk")
		}
	}
	return nil
}

// desk is the frame handler of any number of connections. It does not know where they are.
func (s *spec) desk() actor.ReceiveFunc {
	speaker := newSpeaker(s.room, s.Name)
	return func(ctx actor.Context) {
		switch m := ctx.Message().(type) {
		case *sockets.Upgraded:
			joins(ctx, m)
			ctx.Respond(frame.Text(s.Name))
		case *frame.Frame:
			if text, ok := strings.CutPrefix(m.String(), "say "); ok {
				speaker.say(text)
			} else {
				ctx.Respond(frame.Text(s.Name + " " + m.String()))
			}
		}
	}
}
