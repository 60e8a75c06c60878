package sockets

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/spindrift-go/spindrift/frame"
)

// Reconnect is how a client comes back when its connection is lost, or its server is not
// there. The zero value, and nil, is the defaults.
type Reconnect struct {
	Backoff Backoff

	// Final says that a loss is for good: nobody tries again. nil: IsFinal. A panic of it is for
	// good as well.
	Final func(*Disconnected) bool

	// Lost is told of each loss, on a goroutine of the client's; nil: nobody is. An actor has
	// messages for that.
	Lost func(*Disconnected)

	// Address returns the URL that an attempt dials, in the place of the client's own: one with a
	// ticket that is good once, or of the server that another one names. It is called as Header is,
	// before it. nil: the client's own address is that of all.
	Address func(ctx context.Context) (string, error)

	// Header returns what an attempt adds to its request, in the place of what the client's own
	// header has under the same names: a token that is still good. It is called for each attempt and
	// may wait, as long as ctx lasts, which ends when the client does. Its error, or panic, is that of
	// the attempt. nil: the client's own header is all.
	Header func(ctx context.Context) (http.Header, error)

	// First returns messages that each connection sends before all others: to log in, or to
	// subscribe again. They are *frame.Frame, or what a stage of the program's takes, and go through the connection's stages. It is called in the
	// connection's turn, where there are actors, and must not block; nil: none.
	First func(*Upgraded) []any

	// What waits for the next connection while there is none; the rest is told as Dropped.
	// Pings and Pongs, pieces of messages, and changes of the connection never wait.
	Queue      int    // messages: 0, nothing waits
	QueueBytes int    // of their payloads: 1 MiB; negative: no limit
	WhenFull   Policy // DropOldest; else the newest is dropped
}

// Disconnected tells who uses a client that comes back that it has no connection: after each
// connection that was lost, and each attempt that has failed.
type Disconnected struct {
	Closed   *Closed       // how the connection ended; nil: there was none, but an attempt
	Err      error         // why the attempt has failed, or Closed.Failure; nil: the connection was closed in order, or the client while it had none
	Attempts int           // that have failed since there was a connection
	RetryIn  time.Duration // when the next is made
	Final    bool          // no other is made: this is the last message
}

// Error makes a Disconnected what the methods of a [Reconnecting] return when it is final. If it
// is not it says when the next attempt is made: a line for the log.
func (d *Disconnected) Error() string {
	text := "sockets: disconnected"
	switch {
	case d.Err != nil:
		text += ": " + strings.TrimPrefix(d.Err.Error(), "sockets: ")
	case d.Closed != nil:
		text = (&CloseError{*d.Closed}).Error()
	case d.Final:
		text = "sockets: closed by this side"
	}
	if !d.Final {
		text += fmt.Sprintf("; again in %v", d.RetryIn.Round(time.Millisecond))
	}
	return text
}

// Unwrap returns why it was.
func (d *Disconnected) Unwrap() error { return d.Err }

func (r *Reconnect) orDefault() *Reconnect {
	if r == nil {
		return new(Reconnect)
	}
	return r
}

// loss judges a failure. held is how long the connection did; 0: it is an attempt that failed.
func (r *Reconnect) loss(state *retries, closed *Closed, err error, held time.Duration) *Disconnected {
	d := &Disconnected{Closed: closed, Err: err}
	if closed != nil {
		d.Err = closed.Failure()
		held = max(held, 1)
	}
	wait := state.next(&r.Backoff, held)
	d.Attempts = state.attempts
	if d.Final = r.final(d); !d.Final {
		d.RetryIn = retryAfter(err) + wait
	}
	return d
}

// target is the URL of an attempt of a client whose own is base.
func (r *Reconnect) target(ctx context.Context, base string) (address string, err error) {
	if r.Address == nil {
		return base, nil
	}
	if err := apart(func() (err error) { address, err = r.Address(ctx); return err }); err != nil {
		return "", &dialError{"dial", base, fmt.Errorf("address: %w", err)}
	}
	return address, nil
}

// header is that of an attempt of a client whose own is base.
func (r *Reconnect) header(ctx context.Context, base http.Header) (http.Header, error) {
	if r.Header == nil {
		return base, nil
	}
	var fresh http.Header
	if err := apart(func() (err error) { fresh, err = r.Header(ctx); return err }); err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	h, own := http.Header{}, http.Header{}
	for name, values := range fresh {
		own[http.CanonicalHeaderKey(name)] = values
	}
	for name, values := range base {
		if _, replaced := own[http.CanonicalHeaderKey(name)]; !replaced {
			h[name] = values
		}
	}
	maps.Copy(h, own)
	return h, nil
}

func (r *Reconnect) final(d *Disconnected) (final bool) {
	if r.Final == nil {
		return IsFinal(d)
	}
	if err := apart(func() error { final = r.Final(d); return nil }); err != nil {
		final, d.Err = true, err
	}
	return final
}

// IsFinal is what a client takes for good, unless Reconnect.Final says otherwise: what would
// only be said again.
//
//   - an end that this side has asked for, but for 1012, which MaxAge gives; or a frame
//     handler that has stopped;
//   - the peer's Close of 1000 (it has what it wanted), 1003, 1008 and 1010;
//   - an answer of 4xx to the handshake but 404, 408, 421, 425 and 429, which a deployment or
//     a load balancer may give for a while; 407 of a proxy.
//
// It tries again after all else: a Close of 1001 or 1012, a network or a name that is not
// there, 5xx, a slow consumer, a connection that was Cut.
func IsFinal(d *Disconnected) bool {
	if d.Closed != nil {
		return endsForGood(d.Closed)
	}
	var refused *HandshakeError
	var proxy *ProxyError
	switch {
	case errors.As(d.Err, &refused):
		return refusesForGood(refused.Status)
	case errors.As(d.Err, &proxy):
		return proxy.Status == http.StatusProxyAuthRequired
	}
	return false
}

func endsForGood(c *Closed) bool {
	switch {
	case errors.Is(c.Err, ErrHandlerStopped), errors.Is(c.Err, ErrStopped):
		return true
	case c.By == Local:
		return c.Err == nil && c.Code != frame.ServiceRestart
	case c.By == Peer:
		switch c.Code {
		case frame.Normal, frame.UnsupportedData, frame.PolicyViolation, frame.MissingExtension:
			return true
		}
	}
	return false
}

func refusesForGood(status int) bool {
	switch status {
	case http.StatusNotFound, http.StatusRequestTimeout, http.StatusMisdirectedRequest, http.StatusTooEarly, http.StatusTooManyRequests:
		return false
	}
	return status >= 400 && status < 500
}

// longestRetryAfter bounds what a server may ask for.
const longestRetryAfter = 10 * time.Minute

// retryAfter is the Retry-After of a server's answer, RFC 9110 10.2.3; 0: it has none.
func retryAfter(err error) time.Duration {
	var refused *HandshakeError
	if !errors.As(err, &refused) {
		return 0
	}
	value := refused.Header.Get("Retry-After")
	var wait time.Duration
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		wait = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(value); err == nil {
		wait = time.Until(at)
	}
	return min(max(wait, 0), longestRetryAfter)
}
