package actors

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// exchange is a request and who wants it answered.
type exchange struct {
	message any // an *http.Request or a ClientUpgrader
	sender  *actor.PID

	request *http.Request
	written chan struct{} // closed when nothing more of the request will be
	read    chan struct{} // closed when answer is set
	answer  outcome
}

// outcome is how an exchange ended.
type outcome struct {
	response *http.Response
	plan     *Plan
	err      error
	unsent   bool // err came before anything was written
}

// exchanged tells the actor that x is over.
type exchanged struct {
	x *exchange
	outcome
}

// unasked tells the actor that the server has sent something that is no answer, or its end.
type unasked struct{ err error }

// exchange runs beside the actor. Code of the asker's runs here, which no supervisor looks
// after: the request's body, a cookie jar.
func (c *client) exchange(x *exchange) {
	out, late := outcome{unsent: true}, false
	defer func() {
		if reason := recover(); reason != nil {
			out.plan, out.response, out.err = nil, nil, fmt.Errorf("panic: %v", reason)
		}
		if !late {
			c.report(&exchanged{x, out})
		}
	}()
	if out.err = c.prepare(x); out.err != nil {
		return
	}
	ctx := x.request.Context()
	if c.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.Timeout)
		defer cancel()
	}
	if out.err = ctx.Err(); out.err != nil {
		return
	}
	out.unsent = false
	if !c.expect(x) {
		out.err = errUnasked
		return
	}
	stop := context.AfterFunc(ctx, func() { // not left to what the conn does when it is closed
		c.report(&exchanged{x, outcome{err: ctx.Err()}})
		Cut(c.Conn)
	})
	defer func() { late = !stop() }()
	if err := x.write(c.Conn); err != nil && (!soon(x.read) || x.answer.err != nil) { // the server may have said why
		out.err = err
		return
	}
	<-x.read
	if out = x.answer; out.err != nil {
		return
	}
	switch m := x.message.(type) {
	case *http.Request:
		if c.Jar != nil {
			c.Jar.SetCookies(c.of(x.request), out.response.Cookies())
		}
	case ClientUpgrader:
		out.plan, out.err = m.Agree(out.response)
	}
}

func (x *exchange) write(nc net.Conn) error {
	defer close(x.written) // also if the body panics
	return x.request.Write(nc)
}

// refused: x has come to nothing.
func (x *exchange) refused(why error) {
	if u, ok := x.message.(ClientUpgrader); ok {
		u.Refused(why)
	}
}

// plain: x asks for no upgrade.
func (x *exchange) plain() bool {
	_, upgrading := x.message.(ClientUpgrader)
	return !upgrading
}

// prepare makes the request that is to be written.
func (c *client) prepare(x *exchange) (err error) {
	x.written, x.read = make(chan struct{}), make(chan struct{})
	switch m := x.message.(type) {
	case *http.Request:
		x.request = m
		if m.URL == nil {
			break
		}
		if m.Host == "" && m.URL.Host == "" || c.Jar != nil {
			x.request = m.Clone(m.Context())
			x.request.Host = cmp.Or(m.Host, m.URL.Host, c.Base.Host)
		}
		if c.Jar != nil {
			for _, cookie := range c.Jar.Cookies(c.of(x.request)) {
				x.request.AddCookie(cookie)
			}
		}
	case ClientUpgrader:
		if x.request, err = m.Handshake(c.Base); err != nil {
			return err
		}
	}
	return checkRequest(x.request)
}

// of is the URL of r for cookies: what it is sent to, and not what it says.
func (c *client) of(r *http.Request) *url.URL {
	u := *r.URL
	u.Scheme, u.Host = c.Base.Scheme, cmp.Or(r.Host, r.URL.Host)
	return &u
}

// expect makes x the exchange whose answer comes next, unless something has come already.
func (c *client) expect(x *exchange) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.ignoring {
		c.expected = x
	}
	return !c.ignoring
}

// taken is the exchange whose answer begins now; nil if nobody has asked.
func (c *client) taken() (x *exchange, report bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	x, report = c.expected, !c.ignoring
	c.expected, c.ignoring = nil, c.ignoring || x == nil
	return x, report
}

// silence has nothing more read, or reported.
func (c *client) silence() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ignoring = true
}

// report tells the actor what its helpers have come to.
func (c *client) report(m any) { c.rt.root.Send(c.ctx.Self(), m) }

// listen reads one answer after the other.
func (c *client) listen() {
	for more := true; more; {
		_, err := c.http.reader.Peek(1)
		x, report := c.taken()
		if x == nil {
			if report {
				c.report(&unasked{cmp.Or(unexpected(err), errUnasked)})
			}
			return
		}
		if err != nil {
			x.answer.err = unexpected(err)
		} else {
			x.answer.response, x.answer.err = c.read(x)
		}
		if more = x.answer.err == nil && !x.answer.response.Close; !more {
			c.silence()
		}
		close(x.read)
	}
}

func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// read reads the answer to x. Its Close says that no other may follow.
func (c *client) read(x *exchange) (*http.Response, error) {
	r, err := c.http.answer(x.request)
	if err != nil {
		return nil, err
	}
	switched := r.StatusCode == http.StatusSwitchingProtocols
	switch {
	case switched:
	case x.plain():
		if err := c.http.keepBody(r, c.MaxBody); err != nil {
			return nil, err
		}
	default:
		c.http.keepRefusal(r, c.MaxBody)
	}
	r.Close = r.Close || switched || c.http.reader.Buffered() > 0
	if !r.Close || switched {
		r.Close = !soon(x.written) || r.Close
	}
	if r.Close && !switched {
		Cut(c.Conn) // who still writes the request has the answer
	}
	return r, nil
}

// soon waits for what should be there already.
func soon(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
	}
	t := time.NewTimer(refusalTime)
	defer t.Stop()
	select {
	case <-done:
		return true
	case <-t.C:
		return false
	}
}
