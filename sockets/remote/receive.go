package remote

import (
	"errors"
	"fmt"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
)

// receive hands a Pack over. own says that frames may keep its memory, which else is somebody's when it returns. An
// error ends the link.
func (l *link) receive(pack []byte, own bool) (err error) {
	l.handing.Lock()
	defer l.handing.Unlock()
	defer func() {
		if reason := recover(); reason != nil {
			err = fmt.Errorf("panic: %v", reason)
		}
	}()
	l.mu.Lock()
	closed, heard, known := l.closed, l.heard, l.known
	l.mu.Unlock()
	switch {
	case closed:
		return ErrLinkLost
	case time.Since(heard) > l.node.config.Timeout: // this node was frozen: the other has given it up
		return errSilent
	}
	ping, err := l.unpack(pack, own, known)
	l.run.flush()
	if err != nil {
		return err
	}
	if ping > 0 && l.answer(ping) {
		l.call()
	}
	return nil
}

// answer queues a pong.
func (l *link) answer(ping uint64) (call bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out.answer(ping, l.known)
}

// unpack hands the Items of a Pack over, in their order, and returns what is to be answered.
func (l *link) unpack(pack []byte, own, known bool) (ping uint64, err error) {
	var it item
	size := 0
	if own {
		size = len(pack)
	}
	for len(pack) > 0 {
		number, v, b, rest, ok := consume(pack)
		if !ok {
			return 0, errMalformed
		}
		pack = rest
		switch number {
		case packPing:
			ping = v
		case packPong:
			l.run.flush()
			l.pong(v)
		case packItems:
			if !known {
				return 0, errEarly
			}
			if err := it.parse(b); err != nil {
				return 0, err
			}
			if err := l.deliver(&it, size); err != nil {
				return 0, err
			}
		}
	}
	return ping, nil
}

// deliver hands an Item over, under handing.
func (l *link) deliver(i *item, pack int) error {
	if i.again && l.run.goesOn {
		f, err := frameIn(i.body, pack)
		if err != nil {
			l.refuse(i, err)
			return nil
		}
		l.run.more(f)
		return nil
	}
	l.run.goesOn = false
	if i.up {
		l.deliverUp(i, pack)
		return nil
	}
	switch i.kind {
	case kindWatch, kindUnwatch, kindTerminated, kindStop:
		l.run.flush()
		return l.system(i)
	case kindHandlerGone:
		l.run.flush()
		return l.handlerGone(i)
	case kindHandlerPanicked:
		l.run.flush()
		return l.handlerPanicked(i)
	case kindLeaving:
		l.mu.Lock()
		l.leaving = true
		l.mu.Unlock()
		return nil
	case kindBye:
		return errBye
	}
	if internal[string(i.target)] {
		l.refuse(i, errors.New("it is for an actor of the node's own"))
		return nil
	}
	message, err := decode(l.remote, i, pack)
	if err != nil {
		l.refuse(i, err)
		return nil
	}
	to := l.run.to
	if to.pid == nil || to.pid.Id != string(i.target) || i.targetRequest != to.pid.RequestId {
		to = l.node.receiver(string(i.target))
		to.pid.RequestId = i.targetRequest
	}
	if f, ok := message.(*frame.Frame); ok && len(i.sender) == 0 && len(i.header) == 0 {
		l.run.add(&to, f)
		l.run.begin(nil)
		return nil
	}
	sender := l.sender(i)
	l.run.add(&to, &actor.MessageEnvelope{Header: i.headers(), Message: message, Sender: sender})
	if sender != nil {
		l.run.begin(sender)
	}
	return nil
}

// internal are actors that no message of another node is for.
var internal = map[string]bool{"activator": true, "EndpointSupervisor": true, "eventstream": true, nodeID: true}

// sender is the PID of who has sent i; nil: nobody.
func (l *link) sender(i *item) *actor.PID {
	if len(i.sender) == 0 {
		return nil
	}
	address := l.remote
	if len(i.senderAddress) > 0 {
		address = string(i.senderAddress)
	}
	return &actor.PID{Address: address, Id: string(i.sender), RequestId: i.senderRequest}
}

// deliverUp hands over what a connection says to its handler, if the books have both.
func (l *link) deliverUp(i *item, pack int) {
	e := l.books[string(i.sender)]
	switch {
	case i.kind == kindUpgraded:
		l.enter(i)
		return
	case i.kind == kindTouch: // may come behind Closed, when it is still to be answered
		to := l.node.receiver(string(i.target))
		if e != nil {
			to = e.to
		}
		l.run.add(&to, &actor.MessageEnvelope{Message: &actor.Touch{}, Sender: l.sender(i)})
		return
	case e == nil || e.handler.Id != string(i.target):
		l.node.counts.late.Add(1)
		return
	}
	message, err := decode(l.remote, i, pack)
	if err != nil {
		l.refuse(i, err)
		return
	}
	c, last := message.(*pipeline.Closed)
	if !last {
		l.run.add(&e.to, &actor.MessageEnvelope{Header: i.headers(), Message: message, Sender: e.conn})
		l.run.begin(e.conn)
		return
	}
	l.run.flush()
	l.mu.Lock()
	delete(l.books, string(i.sender))
	l.mu.Unlock()
	e.end(c)
	l.node.left(e)
}

// enter takes a connection into the books.
func (l *link) enter(i *item) {
	l.run.flush()
	id := string(i.sender)
	e := &entry{conn: l.sender(i), ctx: new(connContext)}
	if known := l.books[id]; known != nil {
		e.ctx = known.ctx // it is told again
	}
	u, err := upgradedIn(i.body, e.ctx)
	if err != nil || e.conn == nil {
		l.refuse(i, errors.Join(err, errMalformed))
		return
	}
	n := l.node
	e.to = n.receiver(string(i.target))
	e.handler = e.to.pid
	if e.to.process == actor.Process(n.system.DeadLetter) || internal[e.handler.Id] {
		l.tellGone(e, fmt.Errorf("there is no actor %q on node %s", e.handler.Id, n.address))
		return
	}
	leaving := n.entered(e)
	if known := l.books[id]; known != nil { // counted out behind, so that the books are not empty meanwhile
		n.left(known)
	}
	l.mu.Lock()
	l.books[id] = e
	l.mu.Unlock()
	e.to.give(&actor.MessageEnvelope{Header: i.headers(), Message: u, Sender: e.conn})
	if leaving {
		l.leave(e)
	}
}

// refuse says that what another node has sent is of no use.
func (l *link) refuse(i *item, err error) {
	l.node.counts.refused.Add(1)
	l.node.complain("a message of another node was refused", "error", err, "node", l.remote, "for", string(i.target))
}
