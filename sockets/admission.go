package sockets

import (
	"net"
	"net/http"
	"net/netip"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/actors"
)

// place is where a request came in.
type place struct {
	pid   *actor.PID // of its connection, in actor mode; nil: an upgrade will bring it
	conn  net.Conn   // in actor mode
	room  *room      // of its server
	asked bool       // a listener, in the name of pid
}

type placeKey struct{}

// room is the upgraded connections of one server, and how many it may have.
type room struct {
	group        actors.Group
	total, perIP int // 0: no cap
}

func roomOf(r *http.Request) *room {
	if p, ok := r.Context().Value(placeKey{}).(*place); ok {
		return p.room
	}
	return nil
}

// admit counts the connection of r, if there is a cap and room below it, until life
// is released.
func (room *room) admit(r *http.Request) (life actors.Lifetime, ok bool) {
	if room == nil || room.total <= 0 && room.perIP <= 0 {
		return nil, true
	}
	from, _ := netip.ParseAddrPort(r.RemoteAddr)
	leave, ok := room.group.Admit(from.Addr(), room.total, room.perIP)
	return tenancy(leave), ok
}

// tenancy is the life of a connection that takes a place.
type tenancy func()

// Ended makes tenancy an actors.Lifetime.
func (tenancy) Ended() {}

// Released makes tenancy an actors.Lifetime.
func (leave tenancy) Released() { leave() }
