package handlers

import (
	"time"

	"github.com/spindrift-go/spindrift/actors/dispatch"
)

// Connections are told in batches, so that those of other handlers get their turns between.
const (
	batchSize  = 64
	batchPause = time.Millisecond
)

// tell sends message to the connections of s. The lock must be held.
func (s *shared) tell(message any) {
	told := 0
	m := s.first
	for ; m != nil && told < batchSize; m = m.links.Next {
		m.connection.PostUserMessage(message)
		told++
	}
	if m == nil {
		return
	}
	var rest []*dispatch.Mailbox // what has ended meanwhile takes no message
	for ; m != nil; m = m.links.Next {
		rest = append(rest, m.connection)
	}
	tellLater(rest, message)
}

func tellLater(rest []*dispatch.Mailbox, message any) {
	time.AfterFunc(batchPause, func() {
		n := min(batchSize, len(rest))
		for _, m := range rest[:n] {
			m.PostUserMessage(message)
		}
		if rest = rest[n:]; len(rest) > 0 {
			tellLater(rest, message)
		}
	})
}
