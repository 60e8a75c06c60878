package sockets

import (
	"fmt"
	"net"
	"net/http"
	"strings"

	"github.com/spindrift-go/spindrift/actors"
)

// announce plans what the handler is told first, and again after a restart.
func (u *upgrade) announce(protocol string) {
	ctx := newConnContext(u.request.Context(), u.life) // by itself: what has it keeps nothing else of hello
	hello := &Upgraded{
		Request:     u.request.WithContext(&ctx),
		Subprotocol: protocol,
		Compressed:  u.agreed.Deflate != nil,
		Extensions:  u.agreed.List,
		Value:       u.terms.Value,
	}
	u.plan.Hello = hello
	if u.handler != nil {
		u.plan.HelloAgain = introduce(hello, ctx)
	}
}

// layOut plans the rest, but for the greeting. Field by field: a literal would be made on the
// stack of net/http's goroutine first, which would have to grow for it (make bench ROWS=upgrades).
func (u *upgrade) layOut(o *recipe, place actors.Lifetime) {
	p := &u.plan
	p.Greeter = u
	p.Top = o.topOf(u.terms.Stages)
	p.Core = o.coreOf(false, u.receiver != nil, &u.agreed)
	p.Handler = u.handler
	p.Spawn = u.terms.Spawn
	p.Receiver = receiverOn(u.receiver, o)
	p.Limits = o.limits[index(u.receiver != nil)]
	p.Changer = changerOn(u.receiver, o)
	p.Portable = o.Portable
	p.Life = u.withListener(place)
	p.Value = u.terms.Value
	if u.set != nil {
		p.Group = &u.set.group
	}
}

// prepareGreeting makes the 101, or the header of the 200 over HTTP/2; extra goes into it.
func (u *upgrade) prepareGreeting(key, protocol string, extra http.Header) {
	extensions := strings.Join(u.agreed.List, ", ")
	if u.stream == nil {
		u.plan.Greeting = greeting(acceptKey(key), protocol, extensions, extra, u.terms.Header)
	} else {
		u.header = connectHeader(key, protocol, extensions, extra, u.terms.Header)
	}
}

// Greet makes upgrade an actors.Greeter. Over HTTP/1 the Greeting of the plan is the 101.
func (u *upgrade) Greet(w http.ResponseWriter) (nc net.Conn, first []byte, err error) {
	switch {
	case u.stream != nil:
		nc, err = u.stream.take(u.header)
	case u.late:
		nc, first, err = u.greetLate(w)
	default:
		nc, first, err = actors.Hijack(w)
	}
	if err != nil && u.refused == nil {
		u.refused = fmt.Errorf("connection cannot be upgraded: %w", err)
	}
	return nc, first, err
}
