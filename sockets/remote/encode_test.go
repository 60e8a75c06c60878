package remote

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/spindrift-go/spindrift/sockets"
	"github.com/spindrift-go/spindrift/sockets/remote/wire"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// crosses sends one message through an outbox and a Pack, as nodes do.
func crosses(t *testing.T, message any) any {
	t.Helper()
	kind, body, err := encode(message)
	require.NoError(t, err)
	m := outgoing{address: address{target: "t", sender: "s"}, kind: kind, body: body}
	m.frame, _ = message.(*frame.Frame)
	o := outbox{most: 1 << 30}
	o.put(&m)
	var got any
	for pack := range packs(&o) {
		require.NoError(t, proto.Unmarshal(pack, new(wire.Pack)), "it is a Pack for protobuf's own code")
		require.NoError(t, items(pack, func(i *item) {
			got, err = decode("node", i, len(pack))
			require.NoError(t, err)
		}))
	}
	return got
}

// packs are what an outbox has for a link whose grpc writes each Pack at once.
func packs(o *outbox) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		o.called = true
		for b := o.take(nil); b != nil; b = o.take(nil) {
			if !yield(b.ReadOnlyData()) {
				return
			}
			o.sent(b.ReadOnlyData())
		}
	}
}

// items calls f for each Item of a Pack that can be read.
func items(pack []byte, f func(i *item)) error {
	var i item
	for len(pack) > 0 {
		_, _, b, rest, ok := consume(pack)
		if !ok {
			return errMalformed
		}
		if pack = rest; i.parse(b) == nil {
			f(&i)
		}
	}
	return nil
}

func TestMessagesCross(t *testing.T) {
	for _, m := range []any{
		&actor.Touch{},
		&pipeline.RoundTripTime{Duration: time.Second, Payload: []byte("p")},
		&pipeline.Backpressure{Waiting: 3}, &pipeline.Drained{Waiting: 2}, &pipeline.Dropped{Messages: 1, Bytes: 9},
		&pipeline.Leave{Code: 4000, Reason: "r\xff"}, &pipeline.Pause{}, &pipeline.Resume{}, &pipeline.Cut{},
		&sockets.Flush{}, &sockets.Flushed{},
		frame.Failure(frame.PolicyViolation, "why"),
		&sockets.SetOptions{MaxFrame: -1, MaxMessage: 2, MaxFragments: 3, MessageTime: 4, ControlRate: 5, PingInterval: 6, PingTimeout: 7, MessageTimeout: 8,
			CreditFrames: 9, CreditBytes: 10, CreditTimeout: 11, MaxOut: 12, SlowAfter: 13, MaxBurst: 14, HighWater: 15, LowWater: 16, WriteStall: 17, CloseTimeout: 18},
		&pipeline.Closed{Code: 1000, Reason: "r\xff", Clean: true, By: pipeline.Peer},
		&pipeline.Closed{Code: 1009, By: pipeline.Local, Err: frame.Failure(frame.TooBig, "big")},
		&pipeline.Closed{Code: 1006, Err: pipeline.ErrCut},
	} {
		assert.Equal(t, fmt.Sprintf("%T%+v", m, m), fmt.Sprintf("%T%+v", crosses(t, m), crosses(t, m)))
	}
	lost := &sockets.Disconnected{Closed: &pipeline.Closed{Code: 1012, Clean: true}, Err: io.EOF, Attempts: 2, RetryIn: 3, Final: true}
	assert.Equal(t, lost, crosses(t, lost))
	assert.Equal(t, &sockets.Disconnected{}, crosses(t, &sockets.Disconnected{}))
	assert.Equal(t, "hi", crosses(t, wrapperspb.String("hi")).(*wrapperspb.StringValue).Value)
	assert.Equal(t, "node/x", func() string {
		p := crosses(t, &actor.Touched{Who: actor.NewPID("n", "x")}).(*actor.Touched).Who
		return p.Address + "/" + p.Id
	}())
}

func TestFramesCross(t *testing.T) {
	for _, size := range []int{0, 1, 125, 5000, 300 << 10} {
		for op := range frame.Opcode(16) {
			for _, rsv := range []byte{0, frame.RSV1, frame.RSV2 | frame.RSV3} {
				f := frame.New(op, size)
				f.Payload = f.Payload[:size]
				f.Fin, f.RSV, f.NoCompress = size%2 == 0, rsv, size > 0
				got := crosses(t, f).(*frame.Frame)
				f.Length = int64(size)
				require.Equal(t, []any{f.Header, f.NoCompress, len(f.Payload)}, []any{got.Header, got.NoCompress, len(got.Payload)})
			}
		}
	}
}

// Of an error cross its text, and what errors.Is and errors.As find.
func TestErrorsCross(t *testing.T) {
	err := fmt.Errorf("read: %w, %w", io.ErrUnexpectedEOF, frame.Failure(frame.TooBig, "big"))
	got := crosses(t, &pipeline.Closed{Err: err}).(*pipeline.Closed).Err
	assert.Equal(t, err.Error(), got.Error())
	assert.ErrorIs(t, got, io.ErrUnexpectedEOF)
	assert.NotErrorIs(t, got, io.EOF)
	var closed *frame.Error
	require.ErrorAs(t, got, &closed)
	assert.Equal(t, frame.TooBig, closed.Code)
	assert.ErrorIs(t, errorIn(errorOut(&lostError{"n", errors.New("x")})), ErrLinkLost)
	for _, known := range []error{ // all that a Closed may have for a handler, by its name in sockets or pipeline
		sockets.ErrCloseTimeout, sockets.ErrSlowConsumer, sockets.ErrCut, sockets.ErrNoCredit, sockets.ErrUnreceived,
		sockets.ErrHandlerStopped, sockets.ErrHandlerPanicked, sockets.ErrStopped, pipeline.ErrMessageTimeout,
	} {
		for _, err := range []error{known, fmt.Errorf("so it was: %w", known)} {
			assert.ErrorIs(t, crosses(t, &pipeline.Closed{Err: err}).(*pipeline.Closed).Err, known)
		}
	}
}

// A burst is cut into Packs between messages, and a full outbox takes nothing.
func TestOutboxIsCutAndBounded(t *testing.T) {
	o := outbox{most: 4 * packSize}
	m := outgoing{address: address{target: "t"}, kind: kindFrame, frame: frame.Binary(make([]byte, packSize/4))}
	n := 0
	for {
		_, full, ok := o.put(&m)
		if full {
			require.False(t, ok)
			break
		}
		n++
	}
	o.ask(7)
	count, items := 0, 0
	var ping uint64
	for pack := range packs(&o) {
		p := new(wire.Pack)
		require.NoError(t, proto.Unmarshal(pack, p))
		require.LessOrEqual(t, len(pack), 2*packSize)
		require.Equal(t, "t", string(p.Items[0].Target), "a Pack's first Item says where it goes")
		require.Zero(t, ping, "it goes behind everything")
		count, items, ping = count+1, items+len(p.Items), p.Ping
	}
	assert.Equal(t, []any{n, uint64(7)}, []any{items, ping})
	assert.GreaterOrEqual(t, count, 4)
	assert.Zero(t, o.size)
	_, full, ok := o.put(&m)
	assert.Equal(t, []bool{false, true}, []bool{full, ok}, "it has space again")
}

// No bytes make the decoder panic.
func TestBrokenPacks(t *testing.T) {
	whole := pack(
		&wire.Item{Target: []byte("t"), Header: []*wire.Field{{Name: []byte("n")}}, Body: &wire.Item_Frame{Frame: &wire.Frame{Head: 17, Payload: []byte("x")}}},
		&wire.Item{Body: &wire.Item_Upgraded{Upgraded: &wire.Upgraded{Request: &wire.Request{Uri: []byte("%"), Tls: &wire.TLS{PeerCertificates: [][]byte{{1}}}}}}},
		&wire.Item{Body: &wire.Item_Options{Options: &wire.Options{MaxFrame: 1}}}, &wire.Item{Body: &wire.Item_Closed{Closed: &wire.Closed{Err: &wire.Error{}}}},
	)
	r := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		b := append([]byte(nil), whole...)
		for range 1 + r.IntN(4) {
			b[r.IntN(len(b))] = byte(r.Uint32())
		}
		_ = items(b[:r.IntN(len(b)+1)], func(i *item) {
			i.headers()
			decode("node", i, len(b))
			upgradedIn(i.body, new(connContext))
		})
	}
}

// What is nil is refused where it is sent.
func TestNilCannotCross(t *testing.T) {
	for _, message := range []any{
		(*frame.Frame)(nil), (*frame.Error)(nil), (*sockets.Leave)(nil), (*sockets.SetOptions)(nil), (*sockets.Flushed)(nil), (*sockets.Upgraded)(nil),
	} {
		_, _, err := encode(message)
		assert.ErrorContains(t, err, "cannot be sent to another node: it is nil")
	}
}
