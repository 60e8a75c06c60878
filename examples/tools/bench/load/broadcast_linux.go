package load

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// Broadcast keeps a fixed number of messages on the way to everyone in a room: as soon as one has reached all, another is sent.
// Every delivery counts as one message. Several in flight come from as many speakers.
type Broadcast struct {
	Target
	Message  Message
	Conns    int
	Slow     int  // of these: once the room is complete they read nothing, and say nothing
	TakeTurn bool // every member that reads speaks when it is its turn; otherwise the first ones do, again and again
	InFlight int
	Window
}

// quiet is how long deliveries must have ceased before an incomplete round is given up and tried again.
const quiet = 2 * time.Second

// Run connects, waits until the room has taken in every connection, measures and disconnects.
func (b Broadcast) Run(ctx context.Context) (*Report, error) {
	b.Message.Deflate = b.Deflate
	l, err := newLoop()
	if err != nil {
		return nil, err
	}
	defer l.close()
	t := traffic{frame: b.Message.Frame(), inFlight: 1, scanner: func() Scanner { return &FrameScanner{Want: b.Message.Payload} }}
	members, speakers := b.Conns-b.Slow, b.InFlight
	if b.TakeTurn {
		speakers = members
	}
	for _, some := range []struct {
		n      int
		narrow bool
	}{{members, false}, {b.Slow, true}} {
		target := b.Target
		target.narrow = some.narrow
		if err := l.open(ctx, some.n, t, func() (*peer, error) { return dialUpgraded(target) }); err != nil {
			return nil, err
		}
	}
	if err := b.assemble(ctx, l); err != nil {
		return nil, err
	}
	for _, c := range l.conns[members:] {
		if err := control(l.epfd, unix.EPOLL_CTL_DEL, c); err != nil {
			return nil, err
		}
	}
	count := &tally{report: &Report{}}
	room := newDeliveries(members, b.InFlight)
	for range b.InFlight {
		if err := l.shout(room.sent(l.now()) % speakers); err != nil {
			return nil, err
		}
	}
	delivered := func(c *conn, n int, now time.Duration) error {
		for range n {
			latency, everyone, err := room.delivered(c.index, now)
			if err != nil {
				return err
			}
			count.record(latency, 1)
			if !everyone {
				continue
			}
			if err := l.shout(room.sent(now) % speakers); err != nil {
				return err
			}
		}
		return nil
	}
	for began := l.now(); b.Slow > 0 && room.next < fill; {
		if _, err := l.turn(quiet, delivered); err != nil {
			return nil, err
		}
		if l.now()-began > stall {
			return nil, fmt.Errorf("load: %d messages in %v", room.next, stall)
		}
	}
	return count.report, watch(ctx, b.Window, count, l, delivered)
}

// fill is how many messages there are before the window if a member is slow: of 512 bytes, more than fit between it and the server.
const fill = 80

func (l *loop) shout(speaker int) error {
	c := l.conns[speaker]
	c.stamps.held = 0
	if err := c.send(l.epfd, 1, l.now()); err != nil {
		return fmt.Errorf("load: write: %w", err)
	}
	return nil
}

// deliveries tells which message of a room each member has next. Messages look alike, so a member's n-th delivery is taken
// for the n-th message sent, whoever sent it.
type deliveries struct {
	heard   []int           // by each member
	next    int             // the number of the next message to be sent
	missing []int           // members that have not heard the message yet; like since, by number modulo what may be in flight
	since   []time.Duration // when the message was sent
}

func newDeliveries(members, inFlight int) *deliveries {
	return &deliveries{heard: make([]int, members), missing: make([]int, inFlight), since: make([]time.Duration, inFlight)}
}

// sent returns the number of the message that is on its way from now on.
func (d *deliveries) sent(now time.Duration) int {
	number := d.next
	d.missing[number%len(d.missing)] = len(d.heard)
	d.since[number%len(d.since)] = now
	d.next++
	return number
}

// delivered returns how long the message was on its way, and whether everyone has it now.
func (d *deliveries) delivered(member int, now time.Duration) (latency time.Duration, everyone bool, err error) {
	if d.heard[member] == d.next {
		return 0, false, errors.New("load: more deliveries than messages")
	}
	slot := d.heard[member] % len(d.missing)
	d.heard[member]++
	d.missing[slot]--
	return now - d.since[slot], d.missing[slot] == 0, nil
}

// assemble repeats a message until one has reached every connection: a server may join a connection to its room a moment
// after it has answered the handshake.
func (b Broadcast) assemble(ctx context.Context, l *loop) error {
	const tries = 10
	ignore := func(*conn, int, time.Duration) error { return nil }
	for range tries {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := l.shout(0); err != nil {
			return err
		}
		heard := 0
		for last := l.now(); l.now()-last < quiet && heard < b.Conns; {
			n, err := l.turn(quiet, ignore)
			if err != nil {
				return err
			}
			if n > 0 {
				heard, last = heard+n, l.now()
			}
		}
		if heard == b.Conns {
			return nil
		}
	}
	return errors.New("load: the broadcast does not reach every connection")
}
