package rooms

import (
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/nats-io/nats.go"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets"
)

// Room is a sockets.Room whose members are on any node.
type Room struct {
	node    *Node
	name    string
	subject string
	here    *sockets.LocalRoom
	heard   *nats.Subscription
	batch   []*frame.Frame // heard, and not handed over yet; of hear

	numbered bool // RoomOptions.Number is set: sending calls the program
}

var _ sockets.Room = (*Room)(nil)

func newRoom(n *Node, name string, o *sockets.RoomOptions) (*Room, error) {
	own := sockets.RoomOptions{}
	if o != nil {
		own = *o
	}
	if own.System != nil && own.System != n.system {
		return nil, errors.New("its System is not the node's")
	}
	own.System = n.system
	r := &Room{node: n, name: name, here: sockets.NewRoom(&own), numbered: own.Number != nil}
	r.subject = n.config.Prefix + ".room." + token(name)
	var err error
	r.heard, err = n.nats.Subscribe(r.subject, r.hear)
	if err == nil {
		if err = n.nats.FlushTimeout(serverTimeout); err != nil { // the server knows: what is sent from now on comes
			r.heard.Unsubscribe()
		}
	}
	return r, err
}

// token is name as a part of a subject, which may have no dots, stars and spaces.
func token(name string) string { return "n" + base64.RawURLEncoding.EncodeToString([]byte(name)) }

// String is the room's name, for a log: "room lobby".
func (r *Room) String() string { return "room " + r.name }

// Join is sockets.Room's: conn is a connection of this node.
func (r *Room) Join(conn *actor.PID, name string) error { return r.here.Join(conn, name) }

// Leave is sockets.Room's.
func (r *Room) Leave(conn *actor.PID) { r.here.Leave(conn) }

// Send is sockets.Room's: f goes to the members on all nodes, at most once. The error says that
// it is no message, that it is too large, or that the node is closed.
func (r *Room) Send(f *frame.Frame) error { return r.send(nil, f) }

// SendExcept is sockets.Room's: conn is a connection of this node.
func (r *Room) SendExcept(conn *actor.PID, f *frame.Frame) error { return r.send(conn, f) }

func (r *Room) send(but *actor.PID, f *frame.Frame) error {
	switch {
	case f == nil:
		return sockets.ErrNilFrame
	case !f.Fin || f.Opcode != frame.OpText && f.Opcode != frame.OpBinary || f.HandedOver():
		return sockets.ErrNoMessage
	}
	p := r.node.encode(but, f)
	switch err := r.node.nats.Publish(r.subject, p); {
	case errors.Is(err, nats.ErrConnectionClosed):
		return ErrClosed
	case err != nil:
		return fmt.Errorf("rooms: send: %w", err)
	}
	return nil
}

// maxBatch is how many messages are handed over together.
const maxBatch = 64

// hear takes a message of any node, this one among them. While more wait behind it they are handed over
// together: where thousands of messages come in a second, members get them in fewer turns and writes.
func (r *Room) hear(m *nats.Msg) {
	but, f := r.node.decode(m.Data)
	switch {
	case f == nil:
		r.node.failed(fmt.Errorf("rooms: room %q: what came is no message", r.name))
	case but != nil:
		r.handOver()
		r.try(func() error { return r.here.SendExcept(but, f) })
	default:
		r.batch = append(r.batch, f)
	}
	if waiting, _, _ := m.Sub.Pending(); waiting <= 1 || len(r.batch) >= maxBatch { // one is m
		r.handOver()
	}
}

func (r *Room) handOver() {
	if len(r.batch) == 0 {
		return
	}
	if r.attempt(func() error { return r.here.SendAll(r.batch) }) != nil { // none was sent
		for _, f := range r.batch {
			r.try(func() error { return r.here.Send(f) })
		}
	}
	clear(r.batch)
	r.batch = r.batch[:0]
}

// attempt sends. A panic of RoomOptions.Number is an error, for nobody else would recover it here, and so is its
// runtime.Goexit, which would end the goroutine on which NATS calls hear: so Number is called on another.
func (r *Room) attempt(send func() error) (err error) {
	if !r.numbered {
		return send()
	}
	sent := make(chan error, 1)
	go func() {
		err := errors.New("RoomOptions.Number called runtime.Goexit")
		defer func() {
			if reason := recover(); reason != nil {
				err = fmt.Errorf("RoomOptions.Number panicked: %v", reason)
			}
			sent <- err
		}()
		err = send()
	}()
	return <-sent
}

// try sends, and says so if that fails.
func (r *Room) try(send func() error) {
	if err := r.attempt(send); err != nil {
		r.node.failed(fmt.Errorf("rooms: room %q: a message is lost: %w", r.name, err))
	}
}

// Len is the number of members: on all nodes with Config.Presence, on this one without.
func (r *Room) Len() int {
	n := r.here.Len()
	if p := r.node.presence; p != nil {
		n += p.count(r.name)
	}
	return n
}

// Members are those who are in the room: on all nodes with Config.Presence, on this one without.
func (r *Room) Members() []sockets.Member {
	all := r.here.Members()
	for i := range all {
		all[i].Node = r.node.config.Name
	}
	if p := r.node.presence; p != nil {
		all = append(all, p.members(r.name)...)
	}
	return all
}

// Here is the part of the room that is on this node: its history, its Stats. What is sent to it
// reaches the members here only.
func (r *Room) Here() *sockets.LocalRoom { return r.here }
