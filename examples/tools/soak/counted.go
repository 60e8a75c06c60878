package main

import (
	"fmt"

	"github.com/spindrift-go/spindrift/sockets"
)

// compare sets what the server's observer has counted against what the clients know. A client
// that the drain has met does not know how far the server had come with it.
func (w *workload) compare(got sockets.Stats) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	closed, unknown := int64(0), int64(w.ends["drain"]+w.ends["fault"])
	for _, n := range got.Closed {
		closed += n
	}
	for _, c := range []struct {
		what        string
		n           int64
		least, most int64
	}{
		{"open", got.Open, 0, 0},
		{"closed", closed, got.Opened, got.Opened},
		{"opened", got.Opened, w.upgraded.Load(), w.asked.Load()},
		{"closed with 1000", got.Closed["1000"], w.lived("close", "our close"), w.lived("close", "our close") + unknown},
		{"closed with 1002", got.Closed["1002"], w.lived("violation"), w.lived("violation") + unknown},
		{"messages in", got.MessagesIn, w.messages.Load(), got.MessagesIn},
		{"messages out", got.MessagesOut, w.messages.Load(), got.MessagesIn},
		{"bytes out", got.BytesOut, w.bytes.Load(), got.BytesIn},
	} {
		if c.n < c.least || c.n > c.most {
			return fmt.Errorf("the observer has counted %d %s, and clients know of %d to %d", c.n, c.what, c.least, c.most)
		}
	}
	return nil
}

// lived is how many lives have ended in these ways. The lock must be held.
func (w *workload) lived(hows ...string) (n int64) {
	for _, how := range hows {
		n += int64(w.ends[how])
	}
	return n
}
