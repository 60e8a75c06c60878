package remote

import (
	"context"
	"errors"
	"fmt"
	"net"
	"reflect"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/asynkron/protoactor-go/remote"
	"github.com/spindrift-go/spindrift/actors"
	"github.com/spindrift-go/spindrift/actors/dispatch"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets"
	"github.com/spindrift-go/spindrift/sockets/remote/wire"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// nodeID is the actor that watches handlers for other nodes.
const nodeID = "spindrift/node"

// token is given to a link's writer in place of what it is to send: see outbox.
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
	work    sync.WaitGroup

	counts struct{ refused, late atomic.Int64 }
	said   atomic.Int64 // when complain last did, in nanoseconds

	shutting sync.RWMutex // held while proto.actor's remote is told something
	shut     bool

	mu       sync.Mutex
	links    map[string]*link
	peers    map[string]*peer
	routes   map[string]*route
	handlers map[string]int // connections in all books, by handler
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
	config, err := c.settled()
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
		links: make(map[string]*link), peers: make(map[string]*peer), routes: make(map[string]*route), handlers: make(map[string]int),
	}
	if err := n.listen(); err != nil {
		return nil, fmt.Errorf("remote: %w", err)
	}
	n.carrier = registry.RemoteHandlers[len(registry.RemoteHandlers)-1]
	registry.RemoteHandlers[len(registry.RemoteHandlers)-1] = n.resolve
	n.self, _ = registry.Add(watcher{n}, nodeID)
	n.runtime = actors.RuntimeOf(system)
	n.runtime.SetNodes(n)
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

// Addr returns where other nodes reach this one, "host:port".
func (n *Node) Addr() string { return hostPort(n.address) }

// Connect waits for a link to the node at addr, "host:port". There is no need to call it: an
// upgrade or a message makes a link as well.
func (n *Node) Connect(ctx context.Context, addr string) error {
	l, err := n.peer(hostPort(addr)).connect(ctx)
	if err != nil {
		return fmt.Errorf("remote: %w", err)
	}
	if !bare(addr) && l.remote != addr {
		return fmt.Errorf("remote: %w", &AwayError{addr, errAnother})
	}
	return nil
}

var (
	errAnother = errors.New("another node has its place now")
	errLeaving = errors.New("it leaves and takes no new connections")
)

// Reach makes Node an actors.Nodes.
func (n *Node) Reach(handler *actor.PID, value any) (*actor.PID, error) {
	if hostPort(handler.Address) == n.Addr() {
		if bare(handler.Address) {
			return n.system.NewLocalPID(handler.Id), nil
		}
		return nil, &AwayError{handler.Address, errAnother}
	}
	if _, err := valueOut(value); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), n.config.DialTimeout)
	defer cancel()
	l, err := n.peer(hostPort(handler.Address)).connect(ctx)
	if err != nil {
		return nil, err
	}
	return l.reaches(handler)
}

// reaches returns the PID of handler by this link.
func (l *link) reaches(handler *actor.PID) (*actor.PID, error) {
	l.mu.Lock()
	leaving := l.leaving
	l.mu.Unlock()
	switch {
	case !bare(handler.Address) && l.remote != handler.Address:
		return nil, &AwayError{handler.Address, errAnother}
	case leaving:
		return nil, &AwayError{hostPort(l.remote), errLeaving}
	}
	return actor.NewPID(l.address, handler.Id), nil
}

// another is what Config.Another says, if that can be reached at once.
func (n *Node) another() func(lost *actor.PID) *actor.PID {
	ask := n.config.Another
	if ask == nil {
		return nil
	}
	return func(lost *actor.PID) *actor.PID {
		to := ask(actor.NewPID(hostPort(lost.Address), lost.Id))
		if to == nil || to.Address == n.address {
			return to
		}
		if hostPort(to.Address) == n.Addr() {
			return n.system.NewLocalPID(to.Id)
		}
		if l := n.peer(hostPort(to.Address)).current(); l != nil {
			if pid, err := l.reaches(to); err == nil {
				return pid
			}
		}
		return nil
	}
}

// send queues a message on a link. An error says why it cannot cross.
func (n *Node) send(l *link, target *actor.PID, header actor.ReadonlyMessageHeader, message any, sender *actor.PID, up bool) error {
	kind, body, err := encode(message)
	if err != nil {
		return err
	}
	m := outgoing{target: target.Id, targetRequest: target.RequestId, up: up, kind: kind, body: body}
	size := len(body)
	if kind == kindFrame {
		m.frame = message.(*frame.Frame)
		size = len(m.frame.Payload)
	}
	if size > n.config.MaxMessage {
		return &uncrossable{message, fmt.Sprintf("it has %d bytes, Config.MaxMessage allows %d", size, n.config.MaxMessage)}
	}
	if sender != nil {
		m.sender, m.senderRequest = sender.Id, sender.RequestId
		if sender.Address != n.address {
			m.senderAddress = sender.Address
		}
	}
	if header != nil && header.Length() > 0 {
		for _, key := range header.Keys() {
			field, _ := proto.Marshal(&wire.Field{Name: []byte(key), Values: [][]byte{[]byte(header.Get(key))}})
			m.header = protowire.AppendBytes(protowire.AppendTag(m.header, itemHeader, protowire.BytesType), field)
		}
	}
	if !l.post(&m) {
		return &lostError{hostPort(l.remote), errors.New("it is not there any more")}
	}
	return nil
}

// tell gives a message to an actor here.
func (n *Node) tell(id string, message any) {
	process, _ := n.system.ProcessRegistry.GetLocal(id)
	process.SendUserMessage(n.system.NewLocalPID(id), message)
}

// receiver finds an actor here; its process is the dead letters' if there is none.
func (n *Node) receiver(id string) receiver {
	process, _ := n.system.ProcessRegistry.GetLocal(id)
	return receiver{n.system.NewLocalPID(id), process, dispatch.Of(process)}
}

// entered counts a connection in, and reports whether the node leaves.
func (n *Node) entered(e *entry) (leaving bool) {
	n.mu.Lock()
	n.entries++
	_, watched := n.handlers[e.handler.Id]
	n.handlers[e.handler.Id]++
	leaving = n.leaving
	n.mu.Unlock()
	if !watched {
		e.to.process.SendSystemMessage(e.handler, &actor.Watch{Watcher: n.self})
	}
	return leaving
}

// left counts a connection out. Its handler is watched on: it ends some day.
func (n *Node) left(e *entry) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.entries--
	if _, there := n.handlers[e.handler.Id]; there {
		n.handlers[e.handler.Id]--
	}
	if n.entries == 0 && n.leaving {
		select {
		case n.empty <- struct{}{}:
		default:
		}
	}
}

// goes runs f beside, unless the node has stopped, which waits for it.
func (n *Node) goes(f func()) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.stopped {
		return false
	}
	n.work.Go(f)
	return true
}

func (n *Node) forget(l *link) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.links, l.name)
}

func (n *Node) link(name string) *link {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.links[name]
}

// allLinks are those that there are.
func (n *Node) allLinks() (all []*link) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, l := range n.links {
		all = append(all, l)
	}
	return all
}

// beat asks each link for a sign of life, and keeps those to Config.Peers.
func (n *Node) beat() {
	ticker := time.NewTicker(n.config.Heartbeat)
	defer ticker.Stop()
	for {
		for _, addr := range n.config.Peers {
			if addr != n.Addr() {
				n.peer(addr).start()
			}
		}
		select {
		case now := <-ticker.C:
			for _, l := range n.allLinks() {
				l.beat(now)
			}
		case <-n.stop:
			return
		}
	}
}

// complain logs a mistake, once a second at most.
func (n *Node) complain(msg string, args ...any) {
	now, last := time.Now().UnixNano(), n.said.Load()
	if now-last >= int64(time.Second) && n.said.CompareAndSwap(last, now) {
		n.config.Log.Error("remote: "+msg, args...)
	}
}
