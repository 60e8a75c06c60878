package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets"
)

// chat sends what each member says to all of them. One who does not take a message within a second is ended.
func (s *serving) chat(ctx context.Context, c *sockets.Conn) error {
	s.mu.Lock()
	s.members[c] = true
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.members, c)
	}()
	for m, err := range c.Messages(ctx) {
		if err != nil {
			return err
		}
		s.mu.Lock()
		for member := range s.members {
			limited, cancel := context.WithTimeout(ctx, time.Second)
			if member.Send(limited, m) == context.DeadlineExceeded { // one frame for all
				go member.Close(frame.PolicyViolation, "too slow")
			}
			cancel()
		}
		s.mu.Unlock()
	}
	return nil
}

// entry is a line of a record.
type entry struct {
	Time       time.Time
	Connection int64
	From       string
	Event      string // open, text, binary or close
	URL        string `json:",omitempty"`
	Text       string `json:",omitempty"`
	Binary     []byte `json:",omitempty"` // in base64
	Code       uint16 `json:",omitempty"`
	Reason     string `json:",omitempty"`
	By         string `json:",omitempty"`
}

// recorded writes down what a connection says.
func (s *serving) recorded(ctx context.Context, c *sockets.Conn) (err error) {
	id, r := s.ids.Add(1), c.Request()
	write := func(e entry) {
		e.Time, e.Connection, e.From = time.Now(), id, r.RemoteAddr
		s.mu.Lock()
		defer s.mu.Unlock()
		if failed := s.record.Encode(e); failed != nil && err == nil {
			err = fmt.Errorf("record: %w", failed)
		}
	}
	write(entry{Event: "open", URL: r.URL.String()})
	for m, received := range c.Messages(ctx) {
		switch {
		case received != nil || err != nil:
		case m.Opcode == frame.OpText:
			write(entry{Event: "text", Text: m.String()})
		default:
			write(entry{Event: "binary", Binary: m.Payload})
		}
	}
	<-c.Done()
	end := c.Closed()
	write(entry{Event: "close", Code: uint16(end.Code), Reason: end.Reason, By: fmt.Sprint(end.By)})
	return err
}
