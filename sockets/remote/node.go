package remote

import (
	"errors"
	"fmt"
	"net"
	"reflect"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/asynkron/protoactor-go/remote"
	"github.com/spindrift-go/spindrift/actors"
	"github.com/spindrift-go/spindrift/sockets"
	"github.com/spindrift-go/spindrift/sockets/remote/wire"
)

// nodeID is the actor that watches handlers for other nodes.
const nodeID = "spindrift/node"

// token is the first message of a link to proto.actor's writer: see streamOut.
var token = &wire.Pack{}

// Node is one process among those that carry each other's handlers.
type Node struct {
	system  *actor.ActorSystem
	runtime *actors.Runtime
	config  *Config
	remote  *remote.Remote
	carrier actor.AddressResolver // proto.actor's
	address string
	self    *actor.PID
	empty   chan struct{} // told when the books are empty while the node leaves
	stop    chan struct{}
	release func() // what keeps the dispatcher's workers, though no socket is here: a new one for each Pack has to grow its stack
	work    sync.WaitGroup

	counts struct{ refused, late atomic.Int64 }
	said   atomic.Int64 // when complain last did, in nanoseconds

	shutting sync.RWMutex // held while proto.actor's remote is told something
	shut     bool

	mu       sync.Mutex
	links    map[string]*link
	peers    map[string]*peer
	routes   map[string]*route
	handlers map[string]*handled // those with connections in the books, by id
	entries  int
	leaving  bool
	stopped  bool
}

// Start makes system a node of Config.Addr. It must be called before anything is spawned
// there: a PID has the address of its time. A nil system is sockets.DefaultSystem. proto.actor's
// remote silences grpc's logger, which all of the process has in common: who wants it sets it again
// behind Start.
func Start(system *actor.ActorSystem, c Config) (*Node, error) {
	if system == nil {
		system = sockets.DefaultSystem()
	}
	config, err := c.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("remote: %w", err)
	}
	registry := system.ProcessRegistry
	if atomic.LoadUint64(&registry.SequenceID) != 0 {
		return nil, errors.New("remote: actors have been spawned already: Start comes before them, for a PID has the address of its time")
	}
	if f := reflect.ValueOf(system.Root).Elem().FieldByName("senderMiddleware"); f.IsValid() && !f.IsNil() {
		return nil, errors.New("remote: system.Root has sender middleware, under which proto.actor's remote panics: give it to a RootContext of your own")
	}
	n := &Node{
		system: system, config: config, empty: make(chan struct{}, 1), stop: make(chan struct{}),
		links: make(map[string]*link), peers: make(map[string]*peer), routes: make(map[string]*route), handlers: make(map[string]*handled),
	}
	if err := n.listen(); err != nil {
		return nil, fmt.Errorf("remote: %w", err)
	}
	n.carrier = registry.RemoteHandlers[len(registry.RemoteHandlers)-1]
	registry.RemoteHandlers[len(registry.RemoteHandlers)-1] = n.resolve
	n.self, _ = registry.Add(watcher{n}, nodeID)
	n.runtime = actors.RuntimeOf(system)
	n.runtime.SetNodes(n)
	n.release = n.runtime.Dispatcher().Keep()
	system.EventStream.Subscribe(n.published)
	n.goes(n.beat)
	return n, nil
}

// listen starts proto.actor's remote, which panics if it cannot listen. It is to have an address
// that it cannot know with port 0, so one that is free is looked for.
func (n *Node) listen() error {
	host, port, _ := net.SplitHostPort(n.config.Addr)
	number, _ := strconv.Atoi(port)
	for try := 0; ; try++ {
		if port == "0" {
			l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
			if err != nil {
				return err
			}
			number = l.Addr().(*net.TCPAddr).Port
			l.Close()
		}
		err := n.startOn(host, number)
		if err == nil || port != "0" || try == 20 {
			return err
		}
	}
}

func (n *Node) startOn(host string, port int) (err error) {
	before := n.system.ProcessRegistry.Address
	advertised := n.config.Advertise
	if advertised == "" {
		advertised = net.JoinHostPort(host, strconv.Itoa(port))
	} else if h, p, _ := net.SplitHostPort(advertised); p == "0" {
		advertised = net.JoinHostPort(h, strconv.Itoa(port))
	}
	n.address = advertised + separator + newIncarnation()
	if ip := net.ParseIP(host); ip != nil && ip.To4() == nil {
		host = "[" + host + "]"
	}
	c := remote.Configure(host, port,
		remote.WithAdvertisedHost(n.address),
		remote.WithServerOptions(n.serverOptions()...),
		remote.WithDialOptions(n.dialOptions(true)...),
		remote.WithEndpointWriterBatchSize(16),
		remote.WithEndpointWriterQueueSize(16))
	c.MaxRetryCount = 1
	defer func() {
		if reason := recover(); reason != nil {
			n.system.ProcessRegistry.Address = before
			err = fmt.Errorf("%v", reason)
		}
	}()
	n.remote = remote.NewRemote(n.system, c)
	n.remote.Start()
	return nil
}

// Address returns the node's address with its incarnation, as its PIDs have it.
func (n *Node) Address() string { return n.address }

// String says which node it is, for a log: "node 192.0.2.1:7100".
func (n *Node) String() string { return "node " + n.address }

// Addr returns where other nodes reach this one, "host:port".
func (n *Node) Addr() string { return hostPort(n.address) }
