package pipeline

import (
	"crypto/rand"
	"encoding/binary"
	"time"

	"github.com/spindrift-go/spindrift/frame"
)

// MaxAge is a stage that ends a connection with a Close of 1012 when it is d old, or up to a
// quarter of that before: connections that began together do not end, and come back, together.
// So those of a cluster spread anew when it has grown.
func MaxAge(d time.Duration) Stage {
	return func(up, down Sink) (onUp, onDown Sink) {
		type aged struct{ _ byte } // our own event
		due := new(aged)
		onUp = func(item any) {
			switch m := item.(type) {
			case *Start:
				down(&After{Delay: d - spread(d/4), Event: due})
			case *aged:
				if m == due {
					down(&Leave{Code: frame.ServiceRestart, Reason: "connection is old, open another"})
					return
				}
			}
			up(item)
		}
		return onUp, down
	}
}

// spread is a random part of d.
func spread(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	var b [8]byte
	rand.Read(b[:])
	return time.Duration(binary.BigEndian.Uint64(b[:]) % uint64(d))
}
