package actors

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/internal/errorlog"
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
	// Refused is called in place of becoming the plan, in a turn of the actor: why is what the
	// sender gets, too.
	Refused(why error)
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
	ignoring bool      // nothing more is read as HTTP, or reported
}

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

// exchanged answers who has asked.
func (c *client) exchanged(m *exchanged) {
	x := m.x
	if m.err != nil {
		x.refused(m.err)
	}
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
		message = errorlog.Printable(err)
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
		c.asking.refused(err)
		c.queue = append(c.queue, c.asking)
	}
	for _, x := range c.queue {
		c.reply(x.sender, fmt.Errorf("connection ended: %w", err))
	}
	c.asking, c.queue = nil, nil
}

func (c *client) signalled(uint32)  {}
func (c *client) burstEnded()       {}
func (c *client) stop()             { c.part(ErrStopped) }
func (c *client) crashed(err error) { c.fail(nil, err) }
