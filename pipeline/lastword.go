package pipeline

import "github.com/spindrift-go/spindrift/frame"

func (c *closer) peerCloses(f *frame.Frame) {
	code, reason, err := frame.ParseClose(f.Payload)
	switch {
	case err != nil:
		c.peerFails(err)
	case c.phase == closing:
		c.outcome.Clean = true
		c.end(&Hangup{Wait: c.Client, Heard: true})
	default:
		c.outcome = &Closed{Code: code, Reason: reason, By: Peer}
		c.settle()
	}
}

func (c *closer) peerFails(e *frame.Error) {
	switch c.phase {
	case open:
		c.mistake = e
		c.settle()
	case closing:
		c.fail(e)
	}
}

func (c *closer) peerEnds() {
	switch c.phase {
	case open:
		c.settle()
	case closing: // it may still read what is before our Close
		c.hangup()
	}
}

// settle waits for the handler to work through what came before the peer's last word.
func (c *closer) settle() {
	c.phase = settling
	last := &Settle{Code: frame.Abnormal}
	switch {
	case c.mistake != nil:
		last.Code, last.Reason = c.mistake.Code.Sendable(), c.mistake.Reason
		c.unfinished(c.mistake)
	default:
		if c.outcome != nil {
			last.Code, last.Reason = c.outcome.Code, c.outcome.Reason
		}
		c.unfinished(nil)
	}
	c.expect(c.Timeout)
	c.down(last)
}

// unfinished says that the rest of a message will not come. Who waits for it, in the handler's
// turn perhaps, is to return now: Closed comes when the peer has ended, or its time is over.
func (c *closer) unfinished(why error) {
	if c.partial {
		c.partial = false
		c.up(&Unfinished{why})
	}
}

// settled: the handler has, or has had its time.
func (c *closer) settled() {
	if c.phase != settling {
		return
	}
	c.up(&Settled{}) // what stages above keep back is to go out before our Close
	switch {
	case c.phase != settling: // there was a Close of the handler's among it
	case c.mistake != nil:
		c.fail(c.mistake)
	case c.outcome != nil:
		c.weClose(frame.Close(c.outcome.Code, ""))
	default:
		c.outcome = &Closed{Code: frame.Abnormal, By: Nobody}
		c.hangup()
	}
}
