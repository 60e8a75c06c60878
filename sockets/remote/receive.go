package remote

import (
	"errors"
	"fmt"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/actors/dispatch"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/spindrift-go/spindrift/sockets/remote/wire"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// receiver is a local actor that messages are given to.
type receiver struct {
	pid     *actor.PID
	process actor.Process
	mailbox *dispatch.Mailbox // nil: it is not ours
}

func (r *receiver) give(message any) { r.process.SendUserMessage(r.pid, message) }

// run is messages in a row for one actor, which it gets under one lock.
type run struct {
	to    receiver
	items []any
}

func (r *run) add(to *receiver, message any) {
	if to.mailbox == nil {
		r.flush()
		to.give(message)
		return
	}
	if r.to.mailbox != to.mailbox {
		r.flush()
		r.to = *to
	}
	r.items = append(r.items, message)
}

func (r *run) flush() {
	if len(r.items) == 0 {
		return
	}
	if !r.to.mailbox.PostAll(r.items) {
		for _, m := range r.items { // to the dead letters
			r.to.give(m)
		}
	}
	clear(r.items)
	r.items, r.to = r.items[:0], receiver{}
}

// receive hands a Pack over. An error ends the link.
func (l *link) receive(pack []byte) (err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer func() {
		if reason := recover(); reason != nil {
			err = fmt.Errorf("panic: %v", reason)
		}
	}()
	switch {
	case l.closed:
		return ErrLinkLost
	case time.Since(l.heard) > l.node.config.Timeout: // this node was frozen: the other has given it up
		return errSilent
	}
	var it item
	var ping uint64
	var bad error
	err = fields(pack, func(n protowire.Number, v uint64) {
		switch n {
		case packPing:
			ping = v
		case packPong:
			l.run.flush()
			l.pong(v)
		}
	}, func(n protowire.Number, b []byte) {
		switch {
		case n != packItems || bad != nil:
			return
		case !l.known:
			bad = errEarly
			return
		}
		if bad = it.parse(b); bad == nil {
			bad = l.deliver(&it, len(pack))
		}
	})
	l.run.flush()
	switch {
	case bad != nil:
		return bad
	case err != nil:
		return err
	}
	if ping > 0 && l.out.answer(ping, l.known) {
		l.call()
	}
	return nil
}

// deliver hands an Item over, under mu.
func (l *link) deliver(i *item, pack int) error {
	if i.up {
		l.deliverUp(i, pack)
		return nil
	}
	switch i.kind {
	case kindWatch, kindUnwatch, kindTerminated, kindStop:
		l.run.flush()
		return l.system(i)
	case kindHandlerGone, kindHandlerPanicked:
		l.run.flush()
		return l.handlerNews(i)
	case kindLeaving:
		l.leaving = true
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
		return nil
	}
	l.run.add(&to, &actor.MessageEnvelope{Header: i.headers(), Message: message, Sender: l.sender(i)})
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
		return
	}
	l.run.flush()
	delete(l.books, string(i.sender))
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
		l.tellGone(e.handler.Id, fmt.Errorf("there is no actor %q on node %s", e.handler.Id, n.address))
		return
	}
	if known := l.books[id]; known != nil {
		n.left(known)
	}
	l.books[id] = e
	leaving := n.entered(e)
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

// handlerNews is about a handler on the other node.
func (l *link) handlerNews(i *item) error {
	if i.kind == kindHandlerGone {
		m := new(wire.HandlerGone)
		if err := proto.Unmarshal(i.body, m); err != nil {
			return err
		}
		l.node.runtime.TellHandled(&actor.PID{Address: l.address, Id: string(m.Handler)}, errorIn(m.Err))
		return nil
	}
	m := new(wire.HandlerPanicked)
	if err := proto.Unmarshal(i.body, m); err != nil {
		return err
	}
	directive := actor.ResumeDirective
	if m.Restarted {
		directive = actor.RestartDirective
	}
	l.node.runtime.HandlerPanicked(&actor.PID{Address: l.address, Id: string(m.Handler)}, directive, string(m.Reason))
	return nil
}

func (l *link) tellGone(handler string, err error) {
	body, _ := proto.Marshal(&wire.HandlerGone{Handler: []byte(handler), Err: errorOut(err)})
	l.post(&outgoing{kind: kindHandlerGone, body: body})
}

// leave asks a connection for its end, as this node leaves.
func (l *link) leave(e *entry) {
	body, _ := proto.Marshal(&wire.Close{Code: uint32(frame.ServiceRestart), Reason: []byte("service restart")})
	l.post(&outgoing{target: e.conn.Id, kind: kindLeave, body: body})
}
