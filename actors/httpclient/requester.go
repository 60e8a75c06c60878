package httpclient

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// Requester asks over one socket for somebody who must not block: what comes of a Call is reported. One goroutine reads for as long as
// the socket speaks HTTP, so that what comes unasked, the server's end too, is seen at once; another writes each request.
type Requester struct {
	Client  *Client
	Base    *url.URL       // where the socket leads
	Timeout time.Duration  // of a Call; 0: none
	MaxBody int64          // bytes of a response that are kept for its receiver
	Jar     http.CookieJar // of plain requests; nil: none
	Report  func(any)      // is given an *Answered for each Call, and an *Unasked at most; it is called on goroutines of the Requester

	mu       sync.Mutex
	expected *Call // whose answer is read next; nil: nobody's
	silent   bool  // nothing more is read as HTTP, or reported
}

// Call is one request and its answer. It is used once.
type Call struct {
	Request *http.Request // to send, if there is no Upgrade
	Upgrade Upgrade       // nil: the request is a plain one

	sent     *http.Request
	written  chan struct{} // closed when nothing more of the request will be
	read     chan struct{} // closed when response and err are set
	response *http.Response
	err      error
}

// Upgrade is the handshake for another protocol. It is called on a goroutine of the Requester.
type Upgrade interface {
	// Handshake is the request to send to the server at base.
	Handshake(base *url.URL) (*http.Request, error)
	// Agree judges the response. The error fails the Call, and leaves the connection as usable as the response says.
	Agree(*http.Response) error
}

// Answered says that a Call is over.
type Answered struct {
	Call     *Call
	Response *http.Response // whose body is in memory, and whose Close says that no other may follow; nil: there is none
	Err      error          // nil if there is a Response and an Upgrade has agreed
	Unsent   bool           // Err came before anything was written
}

// Unasked says that the server has sent something that is no answer, or has ended.
type Unasked struct{ Err error }

var (
	errUnasked = errors.New("server sent what nobody had asked for")
	errGoexit  = errors.New("runtime.Goexit was called")
)

// Ask runs a Call, beside the caller. Code of the program's runs in it, which no supervisor looks after: the request's body, a cookie
// jar, the Upgrade.
func (r *Requester) Ask(c *Call) { go r.ask(c) }

func (r *Requester) ask(c *Call) {
	out, late := Answered{Call: c, Unsent: true, Err: errGoexit}, false
	defer func() {
		if reason := recover(); reason != nil {
			out.Response, out.Err = nil, fmt.Errorf("panic: %v", reason)
		}
		if !late {
			r.Report(&out)
		}
	}()
	if err := r.prepare(c); err != nil {
		out.Err = err
		return
	}
	ctx := c.sent.Context()
	if r.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, r.Timeout)
		defer cancel()
	}
	if err := ctx.Err(); err != nil {
		out.Err = err
		return
	}
	out.Unsent = false
	if !r.expect(c) {
		out.Err = errUnasked
		return
	}
	stop := context.AfterFunc(ctx, func() { // not left to what the conn does when it is closed
		r.Report(&Answered{Call: c, Err: ctx.Err()})
		Cut(r.Client.conn)
	})
	defer func() { late = !stop() }()
	unsent := c.write(r.Client.conn)
	if unsent != nil && !closesSoon(c.read) { // the server may have said why
		out.Err = unsent
		return
	}
	<-c.read
	switch {
	case c.err != nil:
		out.Response, out.Err = c.response, Why(unsent, c.err)
		return
	case unsent != nil && c.response.StatusCode == http.StatusSwitchingProtocols: // to half a request
		out.Err = unsent
		return
	}
	var err error
	if c.Upgrade != nil {
		err = c.Upgrade.Agree(c.response)
	} else if r.Jar != nil {
		r.Jar.SetCookies(r.cookieURL(c.sent), c.response.Cookies())
	}
	out.Response, out.Err = c.response, err
}

// prepare makes the request that is to be written.
func (r *Requester) prepare(c *Call) (err error) {
	c.written, c.read = make(chan struct{}), make(chan struct{})
	if c.Upgrade != nil {
		if c.sent, err = c.Upgrade.Handshake(r.Base); err != nil {
			return err
		}
		return validate(c.sent)
	}
	c.sent = c.Request
	if q := c.Request; q.URL != nil {
		if q.Host == "" && q.URL.Host == "" || r.Jar != nil {
			c.sent = q.Clone(q.Context())
			c.sent.Host = cmp.Or(q.Host, q.URL.Host, r.Base.Host)
		}
		if r.Jar != nil {
			AddCookies(c.sent, r.Jar, r.cookieURL(c.sent))
		}
	}
	return validate(c.sent)
}

// cookieURL is what q is sent to, whatever it says.
func (r *Requester) cookieURL(q *http.Request) *url.URL {
	u := *q.URL
	u.Scheme, u.Host = r.Base.Scheme, cmp.Or(q.Host, q.URL.Host)
	return &u
}

func (c *Call) write(nc net.Conn) error {
	defer close(c.written) // also if the body panics
	return withRFCSpelling(c.sent).Write(nc)
}

// expect makes c the Call whose answer comes next, unless something has come already.
func (r *Requester) expect(c *Call) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.silent {
		r.expected = c
	}
	return !r.silent
}

// takeExpected returns the Call whose answer begins now, nil if nobody has asked, and whether that is to be reported.
func (r *Requester) takeExpected() (c *Call, report bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c, report = r.expected, !r.silent
	r.expected, r.silent = nil, r.silent || c == nil
	return c, report
}

// Silence ends reading, and reports of what is read.
func (r *Requester) Silence() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.silent = true
}

// closesSoon waits for what should have happened already.
func closesSoon(done <-chan struct{}) bool {
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
