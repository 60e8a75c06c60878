package main

import (
	"time"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
)

// start README stage

// RateLimit lets n messages a period up, and ends the connection at one more.
func RateLimit(n int, period time.Duration) pipeline.Stage {
	type over struct{} // our own event: the period is
	return func(up, down pipeline.Sink) (onUp, onDown pipeline.Sink) {
		seen := 0 // one for each connection
		onUp = func(item any) {
			switch m := item.(type) {
			case *over:
				seen = 0
				return
			case *frame.Frame:
				if m.Opcode.Control() || m.Opcode == frame.OpContinuation {
					break // no message, or no new one
				}
				if seen == n {
					down(&frame.Error{Code: frame.PolicyViolation, Reason: "too many messages"})
					return
				}
				if seen++; seen == 1 {
					down(&pipeline.After{Delay: period, Event: &over{}})
				}
			}
			up(item)
		}
		return onUp, down
	}
}

// end README stage
