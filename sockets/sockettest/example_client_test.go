package sockettest_test

import (
	"context"
	"errors"
	"testing"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets"
	"github.com/spindrift-go/spindrift/sockets/sockettest"
)

// lastPrice asks a feed for the price of something, and takes the first that it is told.
func lastPrice(ctx context.Context, of string, options *sockets.DialOptions) (price float64, err error) {
	c, err := sockets.Dial(ctx, "ws://feed.example.com/prices", options)
	if err != nil {
		return 0, err
	}
	defer c.Close(frame.Normal, "")
	if err := c.SendJSON(ctx, map[string]string{"subscribe": of}); err != nil {
		return 0, err
	}
	var tick struct{ Price float64 }
	err = c.ReceiveJSON(ctx, &tick)
	return tick.Price, err
}

// Client code against a server that the test plays.
func ExampleNewPeer() {
	testLastPrice := func(t *testing.T) {
		peer := sockettest.NewPeer(t)
		peer.Go(func(p *sockettest.Probe) {
			p.ExpectJSON(map[string]string{"subscribe": "tea"})
			b := p.Encode(frame.Text(`{"price": 4.5}`))
			p.SendBytes(b[:3], b[3:]) // as a network may split it
			p.ExpectClose(frame.Normal)
		})
		price, err := lastPrice(t.Context(), "tea", &sockets.DialOptions{Dialer: peer.Dialer()})
		if price != 4.5 || err != nil {
			t.Errorf("the price of tea: %v, %v", price, err)
		}
	}

	run(testLastPrice)
}

// A server that has no room.
func ExampleRefuse() {
	testFull := func(t *testing.T) {
		full := sockettest.NewPeer(t, sockettest.Refuse(503, "full"))
		_, err := lastPrice(t.Context(), "tea", &sockets.DialOptions{Dialer: full.Dialer()})
		var refused *sockets.HandshakeError
		if !errors.As(err, &refused) || refused.Status != 503 {
			t.Errorf("of a server that is full: %v", err)
		}
	}

	run(testFull)
}
