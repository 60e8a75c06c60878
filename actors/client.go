package actors

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// ClientUpgrader turns a client's HTTP side into a pipeline. Its methods are called on a
// goroutine beside the connection's actor.
type ClientUpgrader interface {
	// Handshake is the request to send to the server at base.
	Handshake(base *url.URL) (*http.Request, error)
	// Agree judges the response. It returns the plan of the pipeline, or the error that
	// the sender of the message gets. The connection then serves further requests if the
	// response allows that.
	Agree(*http.Response) (*Plan, error)
}

// Connect makes a fresh connection actor the client end of Conn, over which TLS
// has been set up already if it is to be used.
type Connect struct {
	Conn    net.Conn
	Base    *url.URL                         // where Conn leads
	Timeout time.Duration                    // of an exchange; 0: none
	MaxBody int64                            // bytes of a response that are kept for its receiver
	Jar     http.CookieJar                   // of requests; nil: none
	Upgrade func(message any) ClientUpgrader // what a message asks for that is no *http.Request; nil: nothing
}

// client is the side of a connection that speaks HTTP as a client. One goroutine reads for
// as long as it does, so that what comes unasked, the server's end too, is seen at once;
// another writes each request.
type client struct {
	*conn
	Connect
	http   *HTTPClient
	asking *exchange   // under way; nil: none
	queue  []*exchange // those that wait for it to end

	mu       sync.Mutex
	expected *exchange // whose answer is read next; nil: nobody's
	deaf     bool      // nothing more is read as HTTP, or told
}

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

func newClient(c *conn, m *Connect) *client {
	s := &client{conn: c, Connect: *m, http: NewHTTPClient(m.Conn)}
	go s.listen()
	return s
}

func (c *client) item(any) {} // nobody is there to take it

func (c *client) receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *exchanged:
		if m.x == c.asking {
			c.exchanged(m)
		}
	case *unasked:
		c.part(m.err)
		c.end()
	case *http.Request:
		c.queue = append(c.queue, &exchange{message: m, sender: ctx.Sender()})
	case actor.AutoReceiveMessage, actor.SystemMessage:
	default:
		if u := c.upgrader(m); u != nil {
			c.queue = append(c.queue, &exchange{message: u, sender: ctx.Sender()})
		} else if ctx.Sender() != nil {
			c.reply(ctx.Sender(), fmt.Errorf("connection speaks HTTP and does not know a %T", m))
		}
	}
	if c.side == side(c) && c.asking == nil && len(c.queue) > 0 {
		x := c.queue[0]
		c.queue = c.queue[1:]
		c.asking = x
		go c.exchange(x)
	}
}

func (c *client) upgrader(m any) ClientUpgrader {
	if c.Upgrade == nil {
		return nil
	}
	return c.Upgrade(m)
}

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
	if !c.deaf {
		c.expected = x
	}
	return !c.deaf
}

// taken is the exchange whose answer begins now; nil if nobody has asked.
func (c *client) taken() (x *exchange, report bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	x, report = c.expected, !c.deaf
	c.expected, c.deaf = nil, c.deaf || x == nil
	return x, report
}

// silence has nothing more read, or reported.
func (c *client) silence() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deaf = true
}

// report tells the actor what its helpers have come to.
func (c *client) report(m any) { c.rt.system.Root.Send(c.ctx.Self(), m) }

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

// exchanged answers who has asked.
func (c *client) exchanged(m *exchanged) {
	x := m.x
	switch {
	case m.plan != nil && m.err == nil:
		c.upgrade(x, m)
	case m.err != nil && (m.unsent || m.response != nil && !m.response.Close):
		c.reply(x.sender, m.err)
		c.asking = nil
	case m.err != nil:
		c.asking = nil
		c.fail(x.sender, m.err)
	default:
		c.reply(x.sender, m.response)
		c.asking = nil
		if m.response.Close {
			c.part(net.ErrClosed)
			c.end()
		}
	}
}

var errUpgraded = errors.New("connection speaks HTTP no longer")

// upgrade swaps HTTP for the pipeline: nobody reads the socket any more.
func (c *client) upgrade(x *exchange, m *exchanged) {
	for _, late := range c.queue {
		c.reply(late.sender, errUpgraded)
	}
	c.asking, c.queue = nil, nil
	answer := any(errUpgradeFailed)
	defer func() { c.reply(x.sender, answer) }() // also if a stage panics
	c.become(m.plan, c.rt.poller.Open(c.Conn, &c.mailbox, m.plan.Portable), c.http.Rest())
	answer = m.response
}

// reply answers with a message or an error, in which a server's words may be.
func (c *client) reply(to *actor.PID, message any) {
	if to == nil {
		return
	}
	if err, ok := message.(error); ok {
		message = Printable(err)
	}
	c.tell(to, message)
}

// fail ends the connection: after a failed exchange nobody knows what is in the socket.
func (c *client) fail(who *actor.PID, err error) {
	c.reply(who, err)
	c.part(err)
	c.end()
}

// part closes the connection and tells those who wait for it.
func (c *client) part(err error) {
	c.silence()
	Cut(c.Conn)
	if c.asking != nil {
		c.queue = append(c.queue, c.asking)
	}
	for _, x := range c.queue {
		c.reply(x.sender, fmt.Errorf("connection ended: %w", err))
	}
	c.asking, c.queue = nil, nil
}

func (c *client) signalled(uint32)  {}
func (c *client) settle()           {}
func (c *client) stop()             { c.part(ErrStopped) }
func (c *client) crashed(err error) { c.fail(nil, err) }
