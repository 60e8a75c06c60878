package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets"
)

const (
	history  = 200  // messages that a room keeps
	mostText = 2000 // bytes of a message
	mostName = 40   // bytes of a name, of a room or a person
	most     = 1000 // rooms
)

// rooms are all that there are, by name. A room is made for the first who comes.
type rooms struct {
	mu    sync.Mutex
	named map[string]*room
	epoch int64 // of this process: numbers of messages of another one mean nothing
}

// room is two: talk is kept and numbered, and news (who is here, who types) is not.
type room struct{ talk, news *sockets.LocalRoom }

func newRooms() *rooms { return &rooms{named: map[string]*room{}, epoch: time.Now().UnixMilli()} }

// enter has c join a room, which nobody removes from then on.
func (a *rooms) enter(c *sockets.Conn, where, name string, seen uint64) (r *room, missed uint64, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if r, err = a.room(where); err == nil {
		missed, err = r.talk.JoinAfter(c.PID(), name, seen) // what it has missed is on its way now
	}
	if err == nil {
		err = r.news.Join(c.PID(), name)
	}
	return r, missed, err
}

func (a *rooms) room(name string) (*room, error) {
	if r := a.named[name]; r != nil {
		return r, nil
	}
	if len(a.named) >= most {
		maps.DeleteFunc(a.named, func(_ string, r *room) bool { return r.news.Len() == 0 }) // nobody is there
	}
	if len(a.named) >= most {
		return nil, frame.Failure(frame.TryAgainLater, "there are too many rooms")
	}
	// Who does not take 64 KiB in 5 s is closed, with 1008; the others do not wait meanwhile.
	r := &room{
		talk: sockets.NewRoom(&sockets.RoomOptions{MaxOut: 64 << 10, History: history, Number: number}),
		news: sockets.NewRoom(&sockets.RoomOptions{MaxOut: 64 << 10, WhenFull: sockets.DropNewest}),
	}
	a.named[name] = r
	return r, nil
}

// number puts n into the object that f is, so that a page which comes back can say what it has seen.
func number(n uint64, f *frame.Frame) *frame.Frame {
	return frame.TextBytes(append(fmt.Appendf(nil, `{"n":%d,`, n), f.Payload[1:]...))
}

// fromPage is what a page sends: one of these.
type fromPage struct {
	Say    string // with an ID, by which the page knows it when it comes back
	ID     string
	Typing bool
	Ping   float64 // a time of the page's
}

type object map[string]any

func (o object) frame() *frame.Frame {
	p, _ := json.Marshal(o)
	return frame.TextBytes(p)
}

// session is one connection: /rooms/lobby?name=Ann&seen=17&epoch=1.
func (a *rooms) session(ctx context.Context, c *sockets.Conn) error {
	query := c.Request().URL.Query()
	name, where := strings.TrimSpace(query.Get("name")), c.Request().PathValue("room")
	if name == "" || max(len(name), len(where)) > mostName {
		return frame.Failure(frame.PolicyViolation, "a name has 1 to 40 bytes")
	}
	var seen uint64
	if query.Get("epoch") == fmt.Sprint(a.epoch) {
		fmt.Sscan(query.Get("seen"), &seen)
	}
	r, missed, err := a.enter(c, where, name, seen)
	if err != nil {
		return err
	}
	defer r.tellWhoIsHere()
	defer r.news.Leave(c.PID())
	if err := c.SendJSON(ctx, object{"epoch": a.epoch, "missed": missed}); err != nil {
		return err
	}
	r.tellWhoIsHere()
	for {
		var m fromPage
		err := c.ReceiveJSON(ctx, &m)
		switch text := strings.TrimSpace(m.Say); {
		case err != nil && c.Closed() != nil:
			return err
		case err != nil:
			return frame.Failure(frame.UnsupportedData, "not what this page sends")
		case len(text) > mostText || len(m.ID) > mostName:
			return frame.Failure(frame.TooBig, "a message has 2000 bytes at most")
		case text != "":
			r.talk.Send(object{"from": name, "say": text, "id": m.ID, "at": time.Now().UnixMilli()}.frame())
		case m.Typing:
			r.news.Send(object{"typing": name}.frame())
		case m.Ping != 0:
			c.SendJSON(ctx, object{"pong": m.Ping}) // what is wrong with it, ReceiveJSON says
		}
	}
}

// tellWhoIsHere tells everybody, once for each name.
func (r *room) tellWhoIsHere() {
	names := []string{}
	for _, m := range r.news.Members() {
		names = append(names, m.Name)
	}
	slices.Sort(names)
	r.news.Send(object{"here": slices.Compact(names)}.frame())
}
