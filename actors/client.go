package actors

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// ClientUpgrader is a message that turns a client's HTTP side into a pipeline.
type ClientUpgrader interface {
	// Handshake is the request to send to the server at base.
	Handshake(base *url.URL) (*http.Request, error)
	// Agree judges the response. It returns the plan of the pipeline, or why not;
	// then the connection ends, and the sender of the message gets the error.
	Agree(*http.Response) (*Plan, error)
}

// Connect makes a fresh connection actor the client end of Conn, over which TLS
// has been set up already if it is to be used.
type Connect struct {
	Conn    net.Conn
	Base    *url.URL      // where Conn leads
	Timeout time.Duration // of an exchange; 0: none
	MaxBody int64         // bytes of a response that are kept for its receiver
}

// Connected answers a ClientUpgrader that has succeeded.
type Connected struct{ Response *http.Response }

// client is the side of a connection that speaks HTTP as a client. A goroutine
// for each exchange writes and reads, as net/http's does on the other side.
type client struct {
	*conn
	Connect
	source io.LimitedReader // Conn, as much as one exchange may send
	reader *bufio.Reader
	asking *asked  // whose exchange is under way; nil: nobody's
	queue  []asked // those who wait for it to end
}

// asked is a message that wants an exchange, and who to answer.
type asked struct {
	message any
	sender  *actor.PID
}

// exchanged is the outcome of an exchange.
type exchanged struct {
	asked
	response *http.Response
	err      error
}

func newClient(c *conn, m *Connect) *client {
	s := &client{conn: c, Connect: *m}
	s.source.R = m.Conn
	s.reader = bufio.NewReader(&s.source)
	return s
}

func (c *client) item(any) {} // nobody is there to take it

func (c *client) receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *http.Request, ClientUpgrader:
		c.queue = append(c.queue, asked{m, ctx.Sender()})
	case *exchanged:
		c.asking = nil
		c.exchanged(m)
	}
	if c.side == side(c) && c.asking == nil && len(c.queue) > 0 {
		next := c.queue[0]
		c.queue = c.queue[1:]
		c.asking = &next
		go c.exchange(next)
	}
}

// maxHead bounds the header of a response; maxRefusal is what is kept of the
// body of a response that refuses an upgrade, refusalTime how long that may take.
const (
	maxHead     = 64 << 10
	maxRefusal  = 1 << 10
	refusalTime = time.Second
)

// exchange runs beside the actor, which touches neither socket nor reader until
// it has been told the outcome.
func (c *client) exchange(a asked) {
	out := &exchanged{asked: a}
	defer func() {
		if reason := recover(); reason != nil { // the asker's code: no supervisor is looking
			out.err = fmt.Errorf("panic: %v", reason)
		}
		c.rt.system.Root.Send(c.ctx.Self(), out)
	}()
	if c.Timeout > 0 {
		c.Conn.SetDeadline(time.Now().Add(c.Timeout))
	}
	out.response, out.err = c.roundTrip(a.message)
	if out.err != nil && c.source.N <= 0 {
		out.err = errTooLong
	}
	c.Conn.SetDeadline(time.Time{})
}

var errTooLong = errors.New("response is too long")

func (c *client) roundTrip(message any) (*http.Response, error) {
	request, maxBody, upgrading := (*http.Request)(nil), c.MaxBody, false
	switch m := message.(type) {
	case *http.Request:
		request = m
	case ClientUpgrader:
		var err error
		if request, err = m.Handshake(c.Base); err != nil {
			return nil, err
		}
		maxBody, upgrading = maxRefusal, true
	}
	if err := request.Write(c.Conn); err != nil {
		return nil, err
	}
	c.source.N = maxHead + maxBody
	for {
		response, err := http.ReadResponse(c.reader, request)
		if err != nil {
			return nil, err
		}
		switch code := response.StatusCode; {
		case code == http.StatusSwitchingProtocols:
			return response, nil
		case code >= 200 && upgrading: // as much of the body as there is
			c.Conn.SetReadDeadline(time.Now().Add(refusalTime))
			keepBody(response, maxBody)
			return response, nil
		case code >= 200:
			return response, keepBody(response, maxBody)
		}
	}
}

// keepBody reads the body into memory, so that its receiver never waits for it.
func keepBody(r *http.Response, limit int64) error {
	body, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	if int64(len(body)) > limit {
		body, r.Close = body[:limit], true // the rest is still in the socket
	} else {
		r.Body.Close()
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return err
}

func (c *client) exchanged(m *exchanged) {
	u, upgrading := m.message.(ClientUpgrader)
	if m.err != nil {
		c.fail(m.sender, m.err)
		return
	}
	if !upgrading {
		c.reply(m.sender, m.response)
		if m.response.Close {
			c.part(net.ErrClosed)
			c.end()
		}
		return
	}
	plan, err := u.Agree(m.response)
	if err != nil {
		c.fail(m.sender, err)
		return
	}
	first, _ := c.reader.Peek(c.reader.Buffered())
	outcome := any(errors.New("upgrade failed"))
	defer func() { c.reply(m.sender, outcome) }() // also if a stage panics
	c.become(plan, c.rt.newWire(c.Conn, &c.mailbox, plan.Portable), first)
	outcome = &Connected{m.response}
}

func (c *client) reply(to *actor.PID, message any) {
	if to != nil {
		c.tell(to, message)
	}
}

// fail ends the connection: after a failed exchange nobody knows what is in the socket.
func (c *client) fail(who *actor.PID, err error) {
	c.reply(who, err)
	c.part(err)
	c.end()
}

// part closes the connection and tells those who wait for it.
func (c *client) part(err error) {
	c.Conn.Close()
	if c.asking != nil {
		c.queue = append(c.queue, *c.asking)
	}
	for _, a := range c.queue {
		c.reply(a.sender, fmt.Errorf("connection ended: %w", err))
	}
	c.asking, c.queue = nil, nil
}

func (c *client) signalled(uint32)  {}
func (c *client) settle()           {}
func (c *client) stop()             { c.part(ErrStopped) }
func (c *client) crashed(err error) { c.fail(nil, err) }
