package actors

import (
	"context"
	"net"
	"sync/atomic"

	"github.com/spindrift-go/spindrift/pipeline"
)

// Offer is a message to a connection, whose Item goes down the pipeline when there is space: when no more output
// than the high mark waits, what stages keep back included. Offers go down in order, but for those of a message in
// fragments, see Position.
type Offer struct {
	Item     any
	Position Position

	state atomic.Uint32 // offered, taken or withdrawn
	done  chan error    // takes one value
}

// Position is where in a message an Item stands. What continues a message in fragments goes down before Offers that
// wait for the end of that message.
type Position uint8

// The positions.
const (
	Whole     Position = iota // the Item is a message
	Begins                    // it is the first fragment of one, and waits for the end of another
	Continues                 // it is a later fragment
)

const (
	offered uint32 = iota
	taken
	withdrawn
)

// NewOffer is an Offer of item, to be posted to one connection.
func NewOffer(item any, at Position) *Offer {
	return &Offer{Item: item, Position: at, done: make(chan error, 1)}
}

// Wait waits until the connection has taken the Item. An error says that it has not, and will
// not: net.ErrClosed, or that of ctx.
func (o *Offer) Wait(ctx context.Context) error {
	select {
	case err := <-o.done:
		return err
	case <-ctx.Done():
		if o.state.CompareAndSwap(offered, withdrawn) {
			return ctx.Err()
		}
		return <-o.done
	}
}

// Withdraw ends the Offer, if the Item was not taken: Wait returns net.ErrClosed.
func (o *Offer) Withdraw() { o.refuse(net.ErrClosed) }

func (o *Offer) refuse(why error) {
	if o.state.CompareAndSwap(offered, withdrawn) {
		o.done <- why
	}
}

// offers wait for space, oldest first.
type offers struct{ waiting []*Offer }

func (s *stream) offer(o *Offer) {
	r := s.makeRare()
	if r.offers == nil {
		r.offers = new(offers)
	}
	r.offers.waiting = append(r.offers.waiting, o)
}

// takeOffers sends down what there is space for, at the end of a burst. It reports whether
// it has sent any.
func (s *stream) takeOffers() (some bool) {
	high, _ := s.limits.space()
	if s.writeError() != nil {
		s.refuseOffers()
		return false
	}
	q := s.rare.offers
	for i := 0; i < len(q.waiting); {
		o := q.waiting[i]
		if o.state.Load() != withdrawn {
			var kept pipeline.Kept
			s.pipeline.Down(&kept)
			waiting := s.outstanding()
			if o.Position != Continues {
				waiting += kept.Bytes
			}
			if waiting > high || o.Position == Begins && kept.Open {
				i++
				continue
			}
			if o.state.CompareAndSwap(offered, taken) {
				some = true
				s.take(o)
			}
		}
		q.waiting = append(q.waiting[:i], q.waiting[i+1:]...)
	}
	if len(q.waiting) == 0 {
		s.rare.offers = nil
	}
	return some
}

// take sends the Item of o down. If a stage panics, Wait returns net.ErrClosed.
func (s *stream) take(o *Offer) {
	err := net.ErrClosed
	defer func() { o.done <- err }()
	s.pipeline.Down(o.Item)
	err = nil
}

// refuseOffers: the connection has ended.
func (s *stream) refuseOffers() {
	if q := s.rarely().offers; q != nil {
		s.rare.offers = nil
		for _, o := range q.waiting {
			o.Withdraw()
		}
	}
}
