package rooms

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/spindrift-go/spindrift/sockets"
)

// Node is this process among those that have rooms in common.
type Node struct {
	system   *actor.ActorSystem
	config   Config
	server   *server.Server // nil: it runs elsewhere
	log      *serverLog     // the server's
	teller   teller
	nats     *nats.Conn
	presence *presence // nil: Config.Presence is not set

	mu      sync.Mutex
	rooms   map[string]*Room
	opening map[string]*opening
	closed  bool
}

// opening is a room that is being opened, for which a server elsewhere may take its time.
type opening struct {
	done chan struct{} // closed when room or err is there
	room *Room
	err  error
}

// ErrClosed: the node, or the room, has been closed.
var ErrClosed = errors.New("rooms: closed")

// serverTimeout is for the server in the process to begin, and for the one elsewhere to answer.
const serverTimeout = 10 * time.Second

// A server elsewhere that takes nothing keeps who sends waiting for writeTimeout, then it is lost; and who closes the node
// for leaveTimeout.
const (
	writeTimeout = 5 * time.Second
	leaveTimeout = 2 * time.Second
)

// Open makes this process a node whose rooms have connections of system (nil:
// sockets.DefaultSystem). It does not wait for other nodes: they may come later.
func Open(system *actor.ActorSystem, c Config) (*Node, error) {
	if system == nil {
		system = sockets.DefaultSystem()
	}
	c.Name = cmp.Or(c.Name, "node-"+strings.ToLower(rand.Text()[:10]))
	c.Prefix = cmp.Or(c.Prefix, "spindrift")
	c.PresenceTimeout = cmp.Or(c.PresenceTimeout, 3*time.Second)
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("rooms: open: %w", err)
	}
	n := &Node{system: system, config: c, rooms: make(map[string]*Room), opening: make(map[string]*opening)}
	n.teller.tell = n.config.failed
	if err := n.connect(); err != nil {
		n.Close()
		return nil, fmt.Errorf("rooms: open: %w", err)
	}
	if c.Presence {
		if err := n.beginPresence(); err != nil {
			n.Close()
			return nil, fmt.Errorf("rooms: open: %w", err)
		}
	}
	return n, nil
}

func (n *Node) connect() error {
	options := []nats.Option{
		nats.Name("spindrift " + n.config.Name),
		nats.Timeout(serverTimeout),
		nats.MaxReconnects(-1),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { n.failed(err) }),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				n.failed(err)
			}
		}),
	}
	url := n.config.URL
	if url != "" {
		options = append(options,
			nats.IgnoreAuthErrorAbort(), // one that refuses twice may know who this is when it has all of its configuration
			nats.FlusherTimeout(writeTimeout),
			nats.ReconnectOnFlusherError())
	} else {
		o, err := n.config.embedded()
		if err != nil {
			return err
		}
		if err := n.start(o); err != nil {
			return err
		}
		options = append(options, nats.InProcessServer(n.server), nats.UserInfo(o.Username, o.Password))
	}
	var err error
	n.nats, err = nats.Connect(url, append(options, n.config.Options...)...)
	return err
}

// start starts the server in the process.
func (n *Node) start(o *server.Options) (err error) {
	if n.server, err = server.NewServer(o); err != nil {
		return err
	}
	n.log = newServerLog(n.failed)
	n.server.SetLogger(n.log, false, false)
	n.server.Start()
	for late := time.Now().Add(serverTimeout); !n.server.ReadyForConnections(100 * time.Millisecond); {
		select {
		case err := <-n.log.fatal:
			return err
		default:
		}
		if time.Now().After(late) {
			return fmt.Errorf("the NATS server in the process is not ready after %v", serverTimeout)
		}
	}
	return nil
}

// Name is the node's.
func (n *Node) Name() string { return n.config.Name }

// String says which node it is, for a log: "node node-1". What it was opened with, secrets perhaps, is not in it.
func (n *Node) String() string { return "node " + n.config.Name }

// Addr is where other nodes connect to; nil with Config.URL.
func (n *Node) Addr() net.Addr {
	if n.server == nil {
		return nil
	}
	return n.server.ClusterAddr()
}

// Room returns the room of that name, which is one with those of the same name on other nodes.
// The first call says how it treats the members that it has here; o may be nil. That call waits for the
// NATS server, 10 s at most, and so does who asks for the same room meanwhile.
func (n *Node) Room(name string, o *sockets.RoomOptions) (*Room, error) {
	n.mu.Lock()
	r, a, closed := n.rooms[name], n.opening[name], n.closed
	first := r == nil && a == nil && !closed
	if first {
		a = &opening{done: make(chan struct{})}
		n.opening[name] = a
	}
	n.mu.Unlock()
	switch {
	case closed:
		return nil, ErrClosed
	case r != nil:
		return r, nil
	case first:
		n.open(a, name, o)
	}
	<-a.done
	return a.room, a.err
}

// open opens a room. The lock is not held, for nobody else is to wait for the server.
func (n *Node) open(a *opening, name string, o *sockets.RoomOptions) {
	r, err := newRoom(n, name, o)
	if errors.Is(err, nats.ErrConnectionClosed) { // meanwhile
		err = ErrClosed
	}
	n.mu.Lock()
	delete(n.opening, name)
	if err != nil {
		a.err = fmt.Errorf("rooms: room %q: %w", name, err)
	} else {
		a.room, n.rooms[name] = r, r
	}
	n.mu.Unlock()
	close(a.done)
}

// all are the rooms that were opened here.
func (n *Node) all() []*Room {
	n.mu.Lock()
	defer n.mu.Unlock()
	all := make([]*Room, 0, len(n.rooms))
	for _, r := range n.rooms {
		all = append(all, r)
	}
	return all
}

// Close leaves the other nodes. Connections stay as they are; rooms send nothing any more.
func (n *Node) Close() {
	n.mu.Lock()
	was := n.closed
	n.closed = true
	n.mu.Unlock()
	if was {
		return
	}
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		n.leave()
	}()
	select {
	case <-gone:
	case <-time.After(leaveTimeout):
	}
	if n.server != nil {
		n.log.close()
		n.server.Shutdown()
		n.server.WaitForShutdown()
	}
	n.teller.close()
}

// leave says good-bye to the other nodes, and to the server. One that takes nothing is waited for until each write has failed.
func (n *Node) leave() {
	if n.presence != nil {
		n.presence.stop()
	}
	if n.nats != nil {
		n.nats.FlushTimeout(time.Second) // what was sent goes out
		n.nats.Close()
	}
}

// failed has the program told of what has gone wrong.
func (n *Node) failed(err error) { n.teller.add(err) }
