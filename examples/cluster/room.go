package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets"
	"github.com/spindrift-go/spindrift/sockets/rooms"
)

// start README rooms

// lobby makes this process a node of a room. Its members are clients of any gateway, and handlers of any
// worker send to it.
func (s *spec) lobby(system *actor.ActorSystem) (*rooms.Room, error) {
	node, err := rooms.Open(system, rooms.Config{
		Name:     s.Name,
		Listen:   s.Rooms,
		Routes:   s.Routes, // of the others: one that is there suffices
		Presence: true,     // Members tells who is on which node
	})
	if err != nil {
		return nil, err
	}
	s.rooms = node // to be closed when this process ends
	return node.Room("lobby", nil)
}

// door is an actor of each gateway, for a connection joins a room on its own node.
func door(room *rooms.Room) actor.ReceiveFunc {
	return func(ctx actor.Context) {
		if name, ok := ctx.Message().(*wrapperspb.StringValue); ok {
			room.Join(ctx.Sender(), name.Value)
		}
	}
}

// joins has a connection's gateway, wherever that is, let it into the room.
func joins(ctx actor.Context, u *sockets.Upgraded) {
	conn := ctx.Sender()
	name := wrapperspb.String(u.Request.URL.Query().Get("name"))
	ctx.RequestWithCustomSender(actor.NewPID(conn.Address, "door"), name, conn)
}

// end README rooms

// speech is what a worker says in the room. It has a number, by which the members know what they missed.
type speech struct {
	Room   string // by whom: the worker, and when it was started
	Number int
	Text   string
}

// speaker numbers what one worker says. It is its desk's.
type speaker struct {
	room   *rooms.Room
	name   string
	spoken int
}

func newSpeaker(room *rooms.Room, worker string) *speaker {
	return &speaker{room: room, name: fmt.Sprintf("%s %d", worker, time.Now().UnixMilli())}
}

func (s *speaker) say(text string) {
	s.spoken++
	b, _ := json.Marshal(speech{s.name, s.spoken, text})
	s.room.Send(frame.Text(string(b)))
}

// present answers who is in the room, as this node knows it: names by node.
func (s *spec) present(w http.ResponseWriter, _ *http.Request) {
	by := map[string][]string{}
	for _, m := range s.room.Members() {
		by[m.Node] = append(by[m.Node], m.Name)
	}
	json.NewEncoder(w).Encode(by)
}
