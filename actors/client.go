package actors

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/actors/httpclient"
	"github.com/spindrift-go/spindrift/internal/errorlog"
)

// ClientUpgrader turns a client of HTTP into a pipeline. Its methods are called on a
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
	Timeout time.Duration                    // of a request and its answer; 0: none
	MaxBody int64                            // bytes of a response that are kept for its receiver
	Jar     http.CookieJar                   // of requests; nil: none
	Upgrade func(message any) ClientUpgrader // what a message asks for that is no *http.Request; nil: there are no others
}

// client is the behaviour of a connection that speaks HTTP as a client.
type client struct {
	*conn
	Connect
	requester *httpclient.Requester
	asking    *request   // under way; nil: none
	queue     []*request // those that wait for it to end
}

// request is a message that asks for an answer.
type request struct {
	httpclient.Call
	sender  *actor.PID
	upgrade *clientUpgrade // that it asks for; nil: it is an *http.Request
}

// clientUpgrade is an upgrade and, once both sides agree, what the connection becomes.
type clientUpgrade struct {
	ClientUpgrader
	plan *Plan
}

// Agree makes clientUpgrade an httpclient.Upgrade.
func (u *clientUpgrade) Agree(r *http.Response) (err error) {
	u.plan, err = u.ClientUpgrader.Agree(r)
	return err
}

func newClient(c *conn, m *Connect) *client {
	s := &client{conn: c, Connect: *m}
	s.requester = &httpclient.Requester{Client: httpclient.New(m.Conn), Base: m.Base, Timeout: m.Timeout, MaxBody: m.MaxBody, Jar: m.Jar,
		Report: func(news any) { c.rt.root.Send(c.ctx.Self(), news) }}
	go s.requester.Listen()
	return s
}

func (c *client) item(any) {} // nobody is there to take it

func (c *client) receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *httpclient.Answered:
		if c.asking != nil && m.Call == &c.asking.Call {
			c.answered(m)
		}
	case *httpclient.Unasked:
		c.disconnect(m.Err)
		c.end()
	case *http.Request:
		c.queue = append(c.queue, &request{Call: httpclient.Call{Request: m}, sender: ctx.Sender()})
	case *Offer:
		m.refuse(errSpeaksHTTP)
	case actor.AutoReceiveMessage, actor.SystemMessage:
	default:
		if u := c.upgrader(m); u != nil {
			upgrade := &clientUpgrade{ClientUpgrader: u}
			c.queue = append(c.queue, &request{Call: httpclient.Call{Upgrade: upgrade}, upgrade: upgrade, sender: ctx.Sender()})
		} else if ctx.Sender() != nil {
			c.reply(ctx.Sender(), fmt.Errorf("connection speaks HTTP and does not know a %T", m))
		}
	}
	if c.behaviour == behaviour(c) && c.asking == nil && len(c.queue) > 0 {
		c.asking, c.queue = c.queue[0], c.queue[1:]
		c.requester.Ask(&c.asking.Call)
	}
}

var errSpeaksHTTP = errors.New("the connection speaks HTTP: upgrade it first")

// upgrader is what the message m asks for, or nil.
func (c *client) upgrader(m any) ClientUpgrader {
	if c.Upgrade == nil {
		return nil
	}
	return c.Upgrade(m)
}

// answered answers who has asked.
func (c *client) answered(m *httpclient.Answered) {
	r := c.asking
	if m.Err != nil {
		r.refused(m.Err)
	}
	switch {
	case m.Err == nil && r.upgrade != nil:
		c.switchTo(r.upgrade.plan, m.Response)
	case m.Err != nil && (m.Unsent || m.Response != nil && !m.Response.Close):
		c.reply(r.sender, m.Err)
		c.asking = nil
	case m.Err != nil:
		c.asking = nil
		c.fail(r.sender, m.Err)
	default:
		c.reply(r.sender, m.Response)
		c.asking = nil
		if m.Response.Close {
			c.disconnect(net.ErrClosed)
			c.end()
		}
	}
}

// refused says that nothing comes of the upgrade that r asks for, if it does.
func (r *request) refused(why error) {
	if r.upgrade != nil {
		r.upgrade.Refused(why)
	}
}

var errUpgraded = errors.New("connection speaks HTTP no longer")

// switchTo swaps HTTP for the pipeline: nobody reads the socket any more.
func (c *client) switchTo(plan *Plan, response *http.Response) {
	asker := c.asking.sender
	for _, late := range c.queue {
		c.reply(late.sender, errUpgraded)
	}
	c.asking, c.queue = nil, nil
	answer := any(errUpgradeFailed)
	defer func() { c.reply(asker, answer) }() // also if a stage panics
	c.become(plan, c.rt.poller.Open(c.Conn, &c.mailbox, plan.Portable), c.requester.Client.Rest())
	answer = response
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

// fail ends the connection: after a failed request nobody knows what is in the socket.
func (c *client) fail(asker *actor.PID, err error) {
	c.reply(asker, err)
	c.disconnect(err)
	c.end()
}

// disconnect closes the socket and tells those who wait for answers.
func (c *client) disconnect(err error) {
	c.requester.Silence()
	httpclient.Cut(c.Conn)
	if c.asking != nil {
		c.asking.refused(err)
		c.queue = append(c.queue, c.asking)
	}
	for _, r := range c.queue {
		c.reply(r.sender, fmt.Errorf("connection ended: %w", err))
	}
	c.asking, c.queue = nil, nil
}

func (c *client) signalled(uint32)  {}
func (c *client) burstEnded()       {}
func (c *client) stop()             { c.disconnect(ErrStopped) }
func (c *client) crashed(err error) { c.fail(nil, err) }
