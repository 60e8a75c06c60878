package sockets

import (
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/spindrift-go/spindrift/actors"
)

// countedLife is the life of a connection that counts for a cap.
type countedLife struct {
	*life
	leave func()
}

// Settled makes countedLife an actors.Lifetime.
func (t *countedLife) Settled() { t.leave() }

var errFull = refuse(http.StatusServiceUnavailable, "too many connections", "Retry-After", "10")

// admit counts the connection in the set that it will join, if there is a cap and space
// below it. What only the connection can tell is left for when it is there.
func (u *upgrade) admit() (actors.Lifetime, error) {
	if u.late {
		return u.life, nil
	}
	if !u.set.capped() {
		return u.life, nil
	}
	if u.stream != nil {
		return u.count(u.addressOver(u.stream.remote))
	}
	ip, ok := parseIP(u.request.RemoteAddr)
	if !ok && u.set.perIP > 0 {
		u.late = true
		return u.life, nil
	}
	return u.count(ip, u.set.perIP)
}

func (u *upgrade) count(ip netip.Addr, perIP int) (actors.Lifetime, error) {
	leave, ok := u.set.group.Admit(ip, u.set.total, perIP)
	if !ok {
		return nil, errFull
	}
	return &countedLife{u.life, leave}, nil
}

// errStrayOptions: the request was judged as if the Server had no Options.
var errStrayOptions = errors.New("Server.Options cannot be found, for middleware has replaced the request's context: derive it from the request's")

// greetLate takes the connection first, and then looks whether it may come in.
func (u *upgrade) greetLate(w http.ResponseWriter) (nc net.Conn, first []byte, err error) {
	stray := u.set == nil
	if stray {
		nc, first, u.set, err = strays.hijack(w)
	} else {
		nc, first, err = actors.Hijack(w)
	}
	if err != nil {
		return nil, nil, err
	}
	if u.set == nil {
		u.set = u.home
	}
	if u.set == nil {
		return nc, first, nil
	}
	u.plan.Group = &u.set.group
	u.observedBy(u.set.observers)
	u.observations.plan(&u.plan)
	switch {
	case stray && u.set.options != nil:
		err = errStrayOptions
	case u.set.capped():
		var life actors.Lifetime
		if life, err = u.count(u.addressOver(nc.RemoteAddr())); err == nil {
			u.plan.Life = u.withListener(life)
		}
	}
	if err != nil {
		u.refused = err
		u.observations.refused(err, logOf(u.request))
		u.plan.Observer = nil // it is told
		u.turnAway(nc, u.refusal(err))
		return nil, nil, actors.ErrRefused
	}
	return nc, first, nil
}

// addressOver is what counts for the cap of one address: the request's address, which
// middleware may have set to what a proxy says, or where that is none, the socket's own.
// A socket that has none (of a proxy on this machine, say) counts for no address, unless
// the request claims to have one.
func (u *upgrade) addressOver(addr net.Addr) (ip netip.Addr, perIP int) {
	perIP = u.set.perIP
	ip, ok := parseIP(u.request.RemoteAddr)
	if !ok {
		own := addr.String()
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
func (u *upgrade) turnAway(nc net.Conn, why *Refusal) {
	nc.SetDeadline(time.Now().Add(time.Second))
	why.response(u.request).Write(nc)
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
