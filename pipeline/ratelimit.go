package pipeline

import "github.com/spindrift-go/spindrift/frame"

// RateLimit is a stage that ends a connection, with 1008, whose peer sends more than so much for
// long. Two seconds' worth may come at once, and what had to wait while the handler gave no
// credit does not count against the peer. Control frames have a limit of their own, see Limit.
// It is for the top of a pipeline, as one of the program's stages: a message of any number of
// frames is one.
type RateLimit struct {
	Messages int // a second; 0: no limit
	Bytes    int // of payload, inflated, a second; 0: no limit
}

// Stage returns the limit as a stage.
func (l RateLimit) Stage() Stage {
	return func(up, down Sink) (Sink, Sink) {
		var messages, bytes bucket
		over := func(f *frame.Frame) (reason string) {
			var s Status
			down(&s)
			switch {
			case f.Opcode != frame.OpContinuation && l.Messages > 0 && !messages.take(l.Messages, s.Now, s.Unread):
				return "too many messages"
			case l.Bytes > 0 && !bytes.spend(len(f.Payload), l.Bytes, s.Now, s.Unread):
				return "too many bytes"
			}
			return ""
		}
		ended := false
		onUp := func(item any) {
			if f, ok := item.(*frame.Frame); ok && !f.Opcode.Control() {
				if ended {
					return
				}
				if reason := over(f); reason != "" {
					ended = true
					down(frame.Failure(frame.PolicyViolation, reason))
					return
				}
			}
			up(item)
		}
		return onUp, down
	}
}
