package pipeline

import (
	"cmp"
	"errors"
	"io"
	"time"

	"github.com/spindrift-go/spindrift/frame"
)

// ErrCloseTimeout is in Closed when the peer did not answer our Close in time.
var ErrCloseTimeout = errors.New("no close frame from the peer in time")

// Closing is the only place that decides how a connection ends. It keeps two
// facts, whether a Close was sent and whether one was received, and the account
// that becomes Closed. RFC 6455 5.5.1 and 7.
//
// The peer's Close is answered, and a violation of the peer's is punished, when
// the handler has worked through what came before it, so that its answers still
// go out first; an end without a Close waits likewise. Nothing goes up after the
// peer's Close, nothing down after ours.
type Closing struct {
	Client  bool          // the server ends the TCP connection first, RFC 6455 7.1.1
	Timeout time.Duration // for the peer's Close after ours, and for the handler before our answer; 0: no limit
}

// late comes back when the time of a close handshake is over.
type late struct{}

// Stage returns the rules of closing as a stage.
func (o Closing) Stage() Stage {
	return func(up, down Sink) (Sink, Sink) { return asStage(up, down, &closer{Closing: &o}) }
}

type closer struct {
	between
	*Closing              // the recipe, until its time is changed
	sent     bool         // our Close went out
	rcvd     bool         // the peer's Close came in
	failed   bool         // nothing that the peer still sends counts
	eof      bool         // the peer has closed its half without a Close
	fromPeer bool         // something from the wire is on its way up: an error that comes down is the peer's doing
	done     bool         // Closed went up
	verdict  *frame.Error // to be sent when the handler has settled; nil: none
	account  *Closed
}

func (c *closer) onUp(item any) {
	switch m := item.(type) {
	case *frame.Frame:
		switch {
		case c.rcvd || c.failed: // RFC 6455 5.5.1: nothing counts after a close
		case m.Opcode == frame.OpClose:
			c.peerCloses(m)
		default:
			c.rise(m)
		}
	case *frame.Error:
		c.failLater(m)
	case *Settled:
		c.settled()
	case *late:
		c.late()
	case *Stalled:
		c.stalled()
	case *Overflow:
		c.fail(frame.Failure(frame.PolicyViolation, "slow consumer"))
	case *Orphaned:
		c.orphaned(m.Err)
	case *Ended:
		c.ended()
	case *Lost:
		c.lost(m)
	default:
		c.rise(item)
	}
}

func (c *closer) rise(item any) {
	c.fromPeer = true
	c.up(item)
	c.fromPeer = false
}

func (c *closer) onDown(item any) {
	switch m := item.(type) {
	case *frame.Frame:
		switch {
		case c.sent || c.done: // RFC 6455 5.5.1: nothing follows our close
			m.Sent()
		case m.Opcode.Control() && (len(m.Payload) > 125 || !m.Fin || m.RSV != 0): // RFC 6455 5.5
			c.fail(frame.Failure(frame.InternalError, "handler sent a control frame in fragments, compressed or over 125 bytes"))
			m.Sent()
		case m.Opcode == frame.OpClose:
			c.weClose(m)
		default:
			c.down(m)
		}
	case *frame.Error:
		if c.fromPeer {
			c.failLater(m)
		} else {
			c.fail(m)
		}
	case *Leave:
		if !c.sent && !c.done {
			c.weClose(m.frame())
		}
	case *Limits:
		own := *c.Closing
		c.Closing = &own
		set(&c.Timeout, m.CloseTimeout)
		c.down(item)
	default:
		c.down(item)
	}
}

// frame is the Close that m asks for.
func (m *Leave) frame() *frame.Frame {
	return frame.Close(cmp.Or(m.Code, frame.GoingAway), m.Reason)
}

func (c *closer) peerCloses(f *frame.Frame) {
	code, reason, err := frame.ParseClose(f.Payload)
	if err != nil {
		c.failLater(err)
		return
	}
	c.rcvd = true
	if c.sent {
		c.account.Clean = true
		c.hangup()
		return
	}
	c.account = &Closed{Code: code, Reason: reason, By: Peer}
	c.wait()
	c.down(&Settle{})
}

// answer sends the peer's code back, once.
func (c *closer) answer() {
	if c.rcvd && !c.sent {
		c.weClose(frame.Close(c.account.Code, ""))
	}
}

// weClose sends a Close, the handler's or our own: f may be anything a handler made.
func (c *closer) weClose(f *frame.Frame) {
	code, reason, err := frame.ParseClose(f.Payload)
	if err != nil {
		c.fail(frame.Failure(frame.InternalError, "handler sent a bad close frame: "+err.Reason))
		f.Sent()
		return
	}
	c.sent = true
	c.down(f)
	if c.rcvd {
		c.account.Clean = true
		c.hangup()
		return
	}
	c.account = &Closed{Code: code, Reason: reason, By: Local}
	c.wait()
}

func (c *closer) wait() {
	if c.Timeout > 0 {
		c.down(&After{Delay: c.Timeout, Event: &late{}})
	}
}

func (c *closer) late() {
	switch {
	case c.done || c.sent && c.rcvd:
	case c.verdict != nil || c.rcvd || c.eof && !c.failed:
		c.settled()
	case c.failed:
	case c.sent:
		c.account.Err = ErrCloseTimeout
		c.down(&Hangup{Cut: true})
	}
}

// ended: the peer will send no more, but may be waiting for what the handler has
// to say to what it has sent.
func (c *closer) ended() {
	switch {
	case c.rcvd || c.failed:
	case c.sent:
		c.down(&Hangup{Cut: true})
	default:
		c.eof = true
		c.wait()
		c.down(&Settle{})
	}
}

// leave hangs up on a peer that has closed its half.
func (c *closer) leave() {
	c.up(&Settled{})
	if c.failed {
		return
	}
	if c.failed = true; !c.sent {
		c.sent = true
		c.account = &Closed{Code: frame.Abnormal, By: Nobody}
	}
	c.hangup()
}

// settled: the handler has worked through all it got, or has had its time. What
// stages above keep back is to go out before our Close.
func (c *closer) settled() {
	if c.eof && !c.failed && !c.rcvd {
		c.leave()
		return
	}
	if c.verdict == nil && (c.sent || !c.rcvd) {
		return
	}
	c.up(&Settled{})
	if c.verdict != nil {
		c.fail(c.verdict)
		return
	}
	c.answer()
}

// failLater fails the connection because of what the peer did, when the handler
// has answered what came before.
func (c *closer) failLater(e *frame.Error) {
	switch {
	case c.failed || c.rcvd || c.done: // RFC 6455 5.5.1, again
	case c.sent: // no answer may follow
		c.fail(e)
	default:
		c.failed, c.verdict = true, e
		c.wait()
		c.down(&Settle{})
	}
}

// fail ends the connection because of e: a Close with its code if none was sent
// yet, and no more patience (RFC 6455 7.1.7). Only the first failure counts, and
// none after both Closes.
func (c *closer) fail(e *frame.Error) {
	if c.verdict != nil {
		e, c.verdict = c.verdict, nil
	} else if c.failed || c.sent && c.rcvd {
		return
	}
	if c.done {
		return
	}
	if code := e.Code.Sendable(); code != e.Code {
		e = frame.Failure(code, e.Reason)
	}
	c.failed = true
	if !c.sent {
		c.sent = true
		f := frame.Close(e.Code, e.Reason)
		if c.rcvd {
			c.account.Clean = true
		} else {
			_, reason := f.CloseStatus() // as much of it as fits
			c.account = &Closed{Code: e.Code, Reason: reason, By: Local}
		}
		c.down(f)
	}
	c.account.Err = e
	c.hangup()
}

// stalled: a Close of ours, if any, is among what the wire does not take.
func (c *closer) stalled() {
	if c.done {
		return
	}
	e := frame.Failure(frame.PolicyViolation, "no progress in writing")
	c.fail(e)
	c.account.Clean = false
	if c.account.Err == nil {
		c.account.Err = e
	}
	c.down(&Hangup{Cut: true})
}

// orphaned: a peer that has already said goodbye, or made its mistake, gets the
// answer to that.
func (c *closer) orphaned(err error) {
	switch {
	case c.done:
	case c.verdict != nil:
		c.settled()
	case c.rcvd && !c.sent:
		c.account.Err = err
		c.settled()
	case !c.failed && !c.rcvd:
		c.fail(frame.Failure(frame.InternalError, "handler failed"))
		if err != nil {
			c.account.Err = err
		}
	}
}

func (c *closer) hangup() { c.down(&Hangup{Wait: c.Client}) }

// lost is the last thing to happen: the account is closed and handed over.
func (c *closer) lost(m *Lost) {
	if c.done {
		return
	}
	c.done = true
	err := m.Err
	if c.account == nil {
		c.account = &Closed{Code: frame.Abnormal, By: Nobody}
		if c.verdict != nil {
			c.account.Err = c.verdict
		}
	}
	if m.Unsent { // our Close among it, if there is one
		c.account.Clean = false
	}
	if !c.account.Clean && c.account.Err == nil {
		if c.account.Err = err; err == nil || err == io.EOF {
			c.account.Err = io.ErrUnexpectedEOF
		}
	}
	c.up(c.account)
}
