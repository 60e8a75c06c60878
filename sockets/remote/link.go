package remote

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	proto "github.com/asynkron/protoactor-go/remote"
	"github.com/spindrift-go/spindrift/actors/handlers"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/spindrift-go/spindrift/sockets"
	"google.golang.org/grpc"
)

// link is what two nodes have between them: a stream each way, and the books of who talks over
// them. It is made once and lost once.
type link struct {
	node    *Node
	peer    *peer
	name    string
	out     outbox
	lost    chan struct{} // closed when it is
	ready   chan struct{} // closed when it works both ways
	readied sync.Once
	opened  atomic.Bool // proto.actor was asked for the stream
	stream  grpc.ClientStream
	turn    func() // send: one at a time, as outbox says when

	// Who is at the other end, set before anything is sent, or handed over.
	remote  string // its address
	address string // and that of the link there
	writer  actor.Process
	inLink  *actor.PID // whom the writer is given

	handing sync.Mutex // held while a Pack is handed over: so Closed is last. Taken before mu, which the program may need meanwhile
	run     run        // under handing

	mu       sync.Mutex
	closed   bool
	known    bool // remote is set
	leaving  bool // the other node takes no new connections
	heard    time.Time
	pinged   uint64
	pingedAt time.Time
	trip     time.Duration
	answered uint64
	waiters  []waiter
	books    map[string]*entry // of connections whose handlers are here, by the connection's id; changed under handing too
	watched  map[watching]struct{}
	cancel   context.CancelFunc // of the stream out; nil: there is none yet
}

// entry is a connection whose handler is here: Upgraded was handed over, Closed was not.
type entry struct {
	conn, handler *actor.PID
	to            receiver
	ctx           *connContext
}

// waiter waits for the answer to a ping.
type waiter struct {
	ping uint64
	done chan struct{}
}

var (
	errSilent  = errors.New("it does not answer")
	errFull    = errors.New("it does not take what it is sent: Config.MaxQueue")
	errEarly   = errors.New("it sends before it has answered who it is")
	errBye     = errors.New("it has left")
	errStopped = errors.New("this node has stopped")
)

func (n *Node) newLink(p *peer, name string) (*link, bool) {
	l := &link{
		node: n, peer: p, name: name, lost: make(chan struct{}), ready: make(chan struct{}), heard: time.Now(),
		books: make(map[string]*entry), watched: make(map[watching]struct{}),
	}
	l.out.most, l.turn = n.config.MaxQueue, l.send
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.stopped || n.links[name] != nil {
		return nil, false
	}
	n.links[name] = l
	return l, true
}

// know sets who is at the other end: from now on the link can be sent to.
func (l *link) know(address string, leaving bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.remote, l.known, l.leaving = address, true, leaving
	l.address = address + separator + l.name
	l.inLink = actor.NewPID(l.address, "spindrift")
	l.writer, _ = l.node.carrier(l.inLink)
}

// call schedules the turn in which what waits is sent. The first call has proto.actor open the stream, with a token as its
// first message.
func (l *link) call() {
	if l.opened.Load() || !l.opened.CompareAndSwap(false, true) {
		l.node.runtime.Dispatcher().Schedule(l.turn)
		return
	}
	l.node.shutting.RLock()
	defer l.node.shutting.RUnlock()
	if !l.node.shut {
		l.writer.SendUserMessage(l.inLink, token)
	}
}

// post queues an Item.
func (l *link) post(m *outgoing) bool {
	call, full, ok := l.out.put(m)
	if full {
		go l.sever(errFull) // not in the turn of who sends
	}
	if call {
		l.call()
	}
	return ok
}

// SendUserMessage makes link an actor.Process: that of handlers on the other node, for the
// connections here.
func (l *link) SendUserMessage(handler *actor.PID, message any) {
	header, m, sender := actor.UnwrapEnvelope(message)
	err := l.node.send(l, handler, header, m, sender, true)
	if err == nil {
		if f, ok := m.(*frame.Frame); ok { // it was the handler's, which has a copy
			f.Release()
		}
		return
	}
	switch {
	case sender == nil:
	case errors.Is(err, ErrLinkLost): // the handler was told
		l.node.counts.late.Add(1)
		l.node.tell(sender.Id, &handlers.Lost{Err: err})
	default: // the handler will be
		l.node.counts.refused.Add(1)
		l.node.complain("a message cannot cross to a handler: its connection ends", "error", err, "handler", handler.Id)
		l.node.tell(sender.Id, frame.Failure(frame.InternalError, err.Error()))
	}
}

// SendSystemMessage makes link an actor.Process.
func (l *link) SendSystemMessage(*actor.PID, any) {}

// Stop makes link an actor.Process.
func (l *link) Stop(*actor.PID) {}

// sever ends the link, once: each handler here is told Closed of each connection there, each
// connection here that its handler there is lost.
func (l *link) sever(why error) {
	l.handing.Lock()
	l.mu.Lock()
	was := l.closed
	l.closed = true
	books, watched, cancel, known := l.books, l.watched, l.cancel, l.known
	l.books, l.watched, l.waiters = nil, nil, nil
	l.mu.Unlock()
	l.handing.Unlock()
	if was {
		return
	}
	l.out.close()
	close(l.lost)
	if cancel != nil {
		cancel()
	}
	n := l.node
	n.forget(l)
	l.peer.severed(l)
	lost := &lostError{l.peer.host, why}
	for _, e := range books {
		e.end(&sockets.Closed{Code: frame.Abnormal, By: pipeline.Nobody, Err: lost})
		n.left(e)
	}
	for w := range watched {
		n.terminated(w.watcher, w.who(), actor.TerminatedReason_AddressTerminated)
	}
	if !known {
		return
	}
	n.runtime.NodeLost(l.address, lost, n.another())
	n.config.Log.Info("link to a node lost", "node", l.remote, "why", why.Error(), "connections", len(books))
	n.drop(l.address)
}

// drop has proto.actor forget an endpoint, unless its remote is being shut down.
func (n *Node) drop(address string) {
	n.shutting.RLock()
	defer n.shutting.RUnlock()
	if !n.shut {
		n.system.EventStream.Publish(&proto.EndpointTerminatedEvent{Address: address})
	}
}

// end tells the handler that the connection has ended.
func (e *entry) end(c *sockets.Closed) {
	e.ctx.end()
	e.to.give(&actor.MessageEnvelope{Message: c, Sender: e.conn})
}
