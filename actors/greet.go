package actors

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/spindrift-go/spindrift/actors/answering"
)

// Greeter is the last step of an upgrade: it takes the connection out of net/http's
// hands and tells the peer. It is what the versions of HTTP differ in.
type Greeter interface {
	// Greet returns the connection, and what was read of it already. If it has told the
	// peer itself that there is no upgrade, it returns ErrRefused.
	Greet(w http.ResponseWriter) (nc net.Conn, first []byte, err error)
}

// ErrRefused is a Greeter's that has answered the request itself.
var ErrRefused = errors.New("upgrade was refused")

// greeted is a connection that was taken out of net/http's hands, and what its first turn needs to open it. The zero
// value is one that was not: the upgrade has come to nothing.
type greeted struct {
	plan   *Plan // nil: the upgrade has come to nothing
	nc     net.Conn
	first  []byte // read of nc already
	origin *origin
}

// greet takes the connection of ex out of net/http's hands, or sets the response that ex ends with. From then on
// http.Server's Shutdown does not know the connection; a drain of its group waits until it is open.
func (ex *Exchange) greet(plan *Plan) greeted {
	group := plan.Group
	group.expect()
	g := greeted{plan: plan, origin: ex.origin()}
	err := errUpgradeFailed // also if Hijack calls runtime.Goexit
	defer func() {
		if err != nil {
			group.arrived()
			ex.ungreeted(plan, err, g.origin)
		}
	}()
	if plan.Greeter != nil {
		g.nc, g.first, err = plan.Greeter.Greet(ex.Writer)
	} else {
		g.nc, g.first, err = Hijack(ex.Writer)
	}
	if err != nil {
		return greeted{}
	}
	if plan.Value != nil {
		value := plan.Value
		g.origin.value = &value
	}
	if plan.Group != group { // the Greeter has found another
		plan.Group.expect()
		group.arrived()
	}
	return g
}

// ungreeted says that nothing comes of plan: the connection could not be taken.
func (ex *Exchange) ungreeted(plan *Plan, err error, from *origin) {
	if p := (*hijackPanic)(nil); errors.As(err, &p) {
		from.say("hijack panicked", "reason", p.reason, "stack", string(p.stack))
	}
	plan.abort(err, from)
	if err != ErrRefused && !errors.Is(err, http.ErrHijacked) { // nobody can be answered over what is another's
		ex.response = answering.Plain(http.StatusInternalServerError, "connection cannot be upgraded: "+err.Error())
	}
}

// abort tells Life and the Observer that nothing comes of the plan.
func (p *Plan) abort(why error, from *origin) {
	refuse(p.Observer, why, from)
	if p.Life != nil {
		p.Life.Ended()
		p.Life.Settled()
	}
}

// Hijack is how an HTTP/1 connection is taken out of net/http's hands: the Greeting of
// the plan is all that the peer is told. It is what a Plan without a Greeter does. What it
// calls may be middleware's: a panic of that is an error.
func Hijack(w http.ResponseWriter) (nc net.Conn, first []byte, err error) {
	defer func() {
		if reason := recover(); reason != nil {
			nc, first, err = nil, nil, &hijackPanic{reason, debug.Stack()}
		}
	}()
	nc, rw, err := http.NewResponseController(w).Hijack()
	switch {
	case errors.Is(err, http.ErrNotSupported):
		return nil, nil, hidden(w)
	case err != nil:
		return nil, nil, err
	case nc == nil:
		return nil, nil, fmt.Errorf("Hijack of %T has returned no connection", w)
	}
	nc.SetDeadline(time.Time{})
	if rw != nil && rw.Reader != nil { // there is nothing ahead otherwise
		first, _ = rw.Reader.Peek(rw.Reader.Buffered())
	}
	return nc, first, nil
}

// hijackPanic is an error of Hijack, whose peer is told neither reason nor stack.
type hijackPanic struct {
	reason any
	stack  []byte
}

func (*hijackPanic) Error() string { return "Hijack has panicked" }

// hidden says which ResponseWriter it is that cannot be hijacked: usually that of a middleware.
func hidden(w http.ResponseWriter) error {
	for {
		within, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return fmt.Errorf("%T has neither Hijack nor Unwrap, which http.ResponseController asks for: %w", w, http.ErrNotSupported)
		}
		w = within.Unwrap()
	}
}
