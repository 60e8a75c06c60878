package sockets

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/actors"
)

// place is where a request came in.
type place struct {
	pid   *actor.PID  // of its connection, in actor mode; nil: an upgrade will bring it
	conn  net.Conn    // in actor mode
	room  *room       // of its server
	asked bool        // a listener, in the name of pid
	log   *actors.Log // of its server
}

type placeKey struct{}

// room is the upgraded connections of one server, and how many it may have.
type room struct {
	group        actors.Group
	total, perIP int // 0: no cap
}

func (room *room) capped() bool { return room != nil && (room.total > 0 || room.perIP > 0) }

// tenancy is the life of a connection that counts.
type tenancy struct {
	*life
	leave func()
}

// Released makes tenancy an actors.Lifetime.
func (t *tenancy) Released() { t.leave() }

var errFull = refuse(http.StatusServiceUnavailable, "too many connections", "Retry-After", "10")

// admit finds the connection's room and counts it there, if there is a cap and room
// below it. What only the connection can tell is left for when it is there.
func (u *upgrade) admit() (actors.Lifetime, error) {
	if p, ok := u.request.Context().Value(placeKey{}).(*place); ok {
		u.room = p.room
	} else { // another server's, or middleware has replaced the request's context
		u.late = true
		return u.life, nil
	}
	if !u.room.capped() {
		return u.life, nil
	}
	ip, ok := parseIP(u.request.RemoteAddr)
	if !ok && u.room.perIP > 0 {
		u.late = true
		return u.life, nil
	}
	return u.count(ip, u.room.perIP)
}

func (u *upgrade) count(ip netip.Addr, perIP int) (actors.Lifetime, error) {
	leave, ok := u.room.group.Admit(ip, u.room.total, perIP)
	if !ok {
		return nil, errFull
	}
	return &tenancy{u.life, leave}, nil
}

// greetLate takes the connection first, and then looks whether it may come in.
func (u *upgrade) greetLate(w http.ResponseWriter) (nc net.Conn, first []byte, err error) {
	if u.room != nil {
		nc, first, err = actors.Hijack(w)
	} else {
		nc, first, u.room, err = strays.hijack(w)
	}
	if err != nil {
		return nil, nil, err
	}
	if u.room == nil && u.of != nil {
		u.room = &u.of.room
	}
	if u.room == nil {
		return nc, first, nil
	}
	u.plan.Group = &u.room.group
	if !u.room.capped() {
		return nc, first, nil
	}
	life, err := u.count(u.addressOver(nc))
	if err != nil {
		u.refused = err
		u.turnAway(nc)
		return nil, nil, actors.ErrRefused
	}
	u.plan.Life = life
	return nc, first, nil
}

// addressOver is what counts for the cap of one address: the request's address, which
// middleware may have set to what a proxy says, or where that is none, the socket's own.
// A socket that has none (of a proxy on this machine, say) counts for no address, unless
// the request claims to have one.
func (u *upgrade) addressOver(nc net.Conn) (ip netip.Addr, perIP int) {
	perIP = u.room.perIP
	ip, ok := parseIP(u.request.RemoteAddr)
	if !ok {
		own := nc.RemoteAddr().String()
		if ip, ok = parseIP(own); !ok && u.request.RemoteAddr == own {
			perIP = 0
		}
	}
	return ip, perIP
}

// parseIP reads an address with a port or without.
func parseIP(s string) (netip.Addr, bool) {
	if from, err := netip.ParseAddrPort(s); err == nil {
		return from.Addr(), true
	}
	ip, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]"))
	return ip, err == nil
}

// turnAway answers over a connection that net/http no longer has.
func (u *upgrade) turnAway(nc net.Conn) {
	nc.SetDeadline(time.Now().Add(time.Second))
	errFull.response(u.request).Write(nc)
	if half, ok := nc.(interface{ CloseWrite() error }); ok { // what it has sent besides must not reset the answer
		half.CloseWrite()
		time.AfterFunc(turnAwayTime, func() { nc.Close() })
		return
	}
	nc.Close()
}

// turnAwayTime is what net/http waits, too, between the end of an answer and that of its
// connection.
const turnAwayTime = 500 * time.Millisecond
