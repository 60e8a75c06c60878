package pipeline

import (
	"cmp"
	"io"
	"time"

	"github.com/spindrift-go/spindrift/frame"
)

// Closing is the only place that decides how a connection ends, by the rules of RFC
// 6455 5.5.1 and 7.
//
// The peer's last word is its Close, a mistake of its, or the end of its half of the
// stream without a Close. A connection goes through these phases, from top to bottom,
// and may skip some:
//
//	phase     begins with                 frames up  frames down  ends with
//	open      the connection              all        all          a last word, or our Close
//	settling  the peer's last word        none       all          Settled, or the time is over: our answer
//	closing   our Close                   all        none         the peer's last word, or the time is over
//	over      both, or a failure of ours  none       none         Lost
//	reported  Closed                      none       none
//
// So nothing goes up after the peer's Close, and nothing down after ours. What a stage
// or the handler makes of input that came before the peer's last word still goes out
// before our answer, which is
//
//	to its Close    a Close with its code
//	to its mistake  a Close with the code of that
//	to its end      none: there is nobody who waits for one
//
// Our own Close, the handler's or that of a failure, takes the place of that answer.
// A failure of this side (a handler that is gone, output that nobody takes) waits for
// nothing. Only the first failure counts. Who closes the TCP connection is the driver's
// affair: it is asked to hang up when a connection is over.
//
// The time for the peer's Close is that in which it is read, and its Close may be behind
// output: a peer that takes 16 KiB of it in a Timeout gets another, and one that has taken
// all has a whole one.
//
// With a MessageTimeout this side closes a connection that is of no use, with 1001:
// Pings and Pongs are no messages. A message that the peer is taking is one.
type Closing struct {
	Client         bool          // the server ends the TCP connection first, RFC 6455 7.1.1
	Timeout        time.Duration // for the handler before our answer, and for the peer's Close after ours (see below); 0: no limit
	MessageTimeout time.Duration // without a message, or a piece of one, in either direction; 0: no limit
}

// Stage returns the rules of closing as a stage.
func (o Closing) Stage() Stage {
	return func(up, down Sink) (Sink, Sink) { return asStage(up, down, &closer{Closing: &o}) }
}

// phase is how far a connection has come, see Closing.
type phase uint8

const (
	open phase = iota
	settling
	closing
	over
	reported
)

type closer struct {
	link
	*Closing              // the recipe, until its time is changed
	mistake  *frame.Error // the peer's last word, if it was that
	wait     *wait        // nil: nothing has been waited for yet
	outcome  *Closed      // nil until a Close came or went
	phase    phase
	partial  bool // a message has gone up in part
	fromPeer
}

func (c *closer) onUp(item any) {
	switch m := item.(type) {
	case *frame.Frame:
		switch {
		case c.phase != open && c.phase != closing: // RFC 6455 5.5.1: nothing counts after a close
		case m.Opcode == frame.OpClose:
			c.peerCloses(m)
		default:
			if m.Opcode.Control() {
				c.passUp(&c.link, m)
				return
			}
			c.sawMessage()
			c.partial = c.partial || !m.Fin // some of it may go up before a stage fails it
			c.passUp(&c.link, m)
			c.partial = !m.Fin && (c.phase == open || c.phase == closing)
		}
	case *frame.Error:
		c.peerFails(m)
	case *Ended:
		c.peerEnds()
	case *Settled:
		c.settled()
	case *Start:
		c.expect(c.MessageTimeout)
		c.passUp(&c.link, m)
	case *Written:
		c.written()
		c.passUp(&c.link, m)
	case *wait:
		if m != c.wait { // another Closing's, above
			c.passUp(&c.link, m)
			return
		}
		c.due()
	case *Stalled:
		c.stalled()
	case *Overflow:
		c.overflow()
	case *HandlerGone:
		c.handlerGone(m.Err)
	case *Lost:
		c.lost(m)
	default:
		c.passUp(&c.link, item)
	}
}

func (c *closer) onDown(item any) {
	switch m := item.(type) {
	case *frame.Frame:
		switch {
		case c.phase >= closing: // RFC 6455 5.5.1: nothing follows our close
			m.Sent()
		case m.Opcode == frame.OpClose:
			c.weClose(m)
		default:
			control := m.Opcode.Control()
			if c.down(m); !control {
				c.sentMessage()
			}
		}
	case *Prepared:
		if c.phase < closing {
			c.down(m)
			c.sentMessage()
		}
	case *frame.Error:
		if c.fromPeer {
			c.peerFails(m)
		} else {
			c.fail(m)
		}
	case *Overflow:
		c.overflow()
	case *Leave:
		if c.phase < closing {
			c.weClose(m.frame())
		}
	case *Cut:
		c.weCut()
	case *Limits:
		own := *c.Closing
		c.Closing = &own
		set(&c.Timeout, m.CloseTimeout)
		set(&c.MessageTimeout, m.MessageTimeout)
		switch {
		case c.phase == open && m.MessageTimeout != 0:
			c.expect(c.MessageTimeout)
		case c.phase != open && m.CloseTimeout != 0:
			c.expect(c.Timeout)
		}
		c.down(item)
	default:
		c.down(item)
	}
}

// frame is the Close that m asks for.
func (m *Leave) frame() *frame.Frame {
	return frame.Close(cmp.Or(m.Code, frame.GoingAway), m.Reason)
}

func (c *closer) hangup() {
	c.end(&Hangup{Wait: c.Client, Heard: c.outcome != nil && c.outcome.Clean})
}

func (c *closer) cut() { c.end(&Hangup{Cut: true}) }

func (c *closer) end(how *Hangup) {
	c.phase = over
	c.unfinished(nil)
	c.down(how)
}

// lost is the last thing to happen: it sends Closed up.
func (c *closer) lost(m *Lost) {
	if c.phase == reported {
		return
	}
	c.phase = reported
	err := m.Err
	if c.outcome == nil {
		c.outcome = &Closed{Code: frame.Abnormal, By: Nobody}
		if c.mistake != nil {
			c.outcome.Err = c.mistake
		}
	}
	if m.Unsent { // our Close among it, if there is one
		c.outcome.Clean = false
	}
	if !c.outcome.Clean && c.outcome.Err == nil {
		if c.outcome.Err = err; err == nil || err == io.EOF {
			c.outcome.Err = io.ErrUnexpectedEOF
		}
	}
	c.up(c.outcome)
}
