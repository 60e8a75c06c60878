package pipeline

import (
	"errors"

	"github.com/spindrift-go/spindrift/frame"
)

// Errors of Closed, for errors.Is.
var (
	// ErrCloseTimeout says that the peer did not answer our Close in time.
	ErrCloseTimeout = errors.New("no close frame from the peer in time")

	// ErrSlowConsumer says that the peer does not take what this side sends: too much
	// waits, or it took nothing for too long. It has the *frame.Error of our Close.
	ErrSlowConsumer = errors.New("slow consumer")

	// ErrCut says that this side has cut the connection: it was sent a Cut.
	ErrCut = errors.New("connection was cut")
)

// weClose sends a Close, the handler's or our own: f may be anything a handler made.
func (c *closer) weClose(f *frame.Frame) {
	code, reason, err := frame.ParseClose(f.Payload)
	if err != nil {
		c.fail(frame.Failure(frame.InternalError, "this side sent a bad close frame: "+err.Reason))
		f.Sent()
		return
	}
	c.down(f)
	if c.outcome != nil {
		c.outcome.Clean = true
	} else {
		c.outcome = &Closed{Code: code, Reason: reason, By: Local}
	}
	if c.phase == settling {
		if c.mistake != nil {
			c.outcome.Err = c.mistake
		}
		c.hangup()
		return
	}
	c.phase = closing
	c.down(&Closes{})
	c.expect(c.Timeout)
}

// fail ends the connection because of e: a Close with its code if none was sent
// yet, and nothing more is waited for (RFC 6455 7.1.7).
func (c *closer) fail(e *frame.Error) { c.failBecause(e, e) }

// failBecause says more to this side than the Close says to the peer.
func (c *closer) failBecause(e *frame.Error, why error) {
	if c.phase >= over {
		return
	}
	if c.mistake != nil {
		e, why = c.mistake, c.mistake
	}
	if code := e.Code.Sendable(); code != e.Code {
		sendable := frame.Failure(code, e.Reason)
		if why == error(e) {
			why = sendable
		}
		e = sendable
	}
	if c.phase < closing {
		f := frame.Close(e.Code, e.Reason)
		if c.outcome != nil {
			c.outcome.Clean = true
		} else {
			_, reason := f.CloseStatus() // as much of it as fits
			c.outcome = &Closed{Code: e.Code, Reason: reason, By: Local}
		}
		c.down(f)
	}
	if c.outcome.Err == nil { // why we closed comes first
		c.outcome.Err = why
	}
	c.hangup()
}

// weCut ends the connection at once. What has gone wrong before is still why it ended.
func (c *closer) weCut() {
	if c.phase == reported {
		return
	}
	if c.outcome == nil {
		c.outcome = &Closed{Code: frame.Abnormal, By: Local}
		if c.mistake != nil {
			c.outcome.Err = c.mistake
		}
	}
	if c.outcome.Err == nil && !c.outcome.Clean {
		c.outcome.Err = ErrCut
	}
	c.cut()
}

func (c *closer) overflow() {
	c.failBecause(frame.Failure(frame.PolicyViolation, "slow consumer"), c.notTaken("slow consumer"))
}

// stalled: a Close of ours, if any, is among what the wire does not take.
func (c *closer) stalled() {
	if c.phase == reported {
		return
	}
	why := c.notTaken("no progress in writing")
	c.failBecause(frame.Failure(frame.PolicyViolation, "no progress in writing"), why)
	c.outcome.Clean = false
	if c.outcome.Err == nil {
		c.outcome.Err = why
	}
	c.cut()
}

// notTaken says whose output it is that the peer does not take: "slow consumer" alone
// reads, on a client, as if that were slow.
func (c *closer) notTaken(what string) error {
	peer, this := "client", "server"
	if c.Client {
		peer, this = this, peer
	}
	return slowConsumer{frame.Failure(frame.PolicyViolation, what+": the "+peer+" does not take what this "+this+" sends")}
}

// slowConsumer is a failure that is ErrSlowConsumer as well.
type slowConsumer struct{ failure *frame.Error }

func (s slowConsumer) Error() string        { return s.failure.Error() }
func (s slowConsumer) Unwrap() error        { return s.failure }
func (s slowConsumer) Is(target error) bool { return target == ErrSlowConsumer }

// handlerGone: a peer that has already said goodbye, or made its mistake, gets the
// answer to that.
func (c *closer) handlerGone(err error) {
	c.unfinished(err) // nobody is told of it, and a goroutine may read it
	switch {
	case c.phase == settling && c.mistake != nil:
		c.settled()
	case c.phase == settling && c.outcome != nil:
		c.outcome.Err = err
		c.settled()
	default:
		e := frame.Failure(frame.InternalError, "handler failed")
		if err == nil {
			err = e
		}
		c.failBecause(e, err)
	}
}
