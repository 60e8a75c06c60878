package sockets

import (
	"net/http"
	"time"

	"github.com/spindrift-go/spindrift/actors"
	"github.com/spindrift-go/spindrift/pipeline"
)

// Options are the terms on which connections are accepted or opened. The zero
// value of each field is the default that its comment states; a negative number
// means "no limit" or "never". Where a comment ends with (live), SetOptions can change that
// while a connection lives; all else stays as it was at the upgrade. Options must not be
// changed once they are in use.
//
// Share one *Options among connections, and do not make one for each: what is made of it, 2 KB,
// is made once, and what a Room sends is compressed once for those who have it in common.
type Options struct {
	// Of the handshake.
	Subprotocols       []string              // served or offered, in order of preference
	ChooseSubprotocol  ChooseSubprotocol     // server: chooses by the request, in place of Subprotocols; nil: those count
	RequireSubprotocol bool                  // server: refuse who offers none of them with 400
	AllowedOrigins     []string              // server: besides the same origin; see OriginAllowed
	AllowedHosts       []string              // server: that a request may name, else 421; see HostAllowed; nil: any
	InsecureAnyOrigin  bool                  // server: let any web page use the visitor's cookies
	Compression        *pipeline.Compression // permessage-deflate; nil: off
	Extensions         []pipeline.Extension  // others, the program's own, in order of preference

	// Of what the peer may send.
	MaxFrame     int64         // bytes of a frame: 1 MiB, and MaxMessage where that is more; over it: 1009 (live)
	MaxMessage   int64         // bytes of a message, inflated: 1 MiB; over it: 1009 (live)
	MaxFragments int           // frames of a message: 4,096, and as many for each MiB of MaxMessage; over it: 1008 (live)
	MessageTime  time.Duration // from a message's first to its last byte: 60 s; over it: 1008 (live)
	ControlRate  int           // control frames a second, sustained: 200; over it: 1008 (live)
	Stream       bool          // hand over the pieces of messages as they arrive, instead of whole messages
	StreamOver   int64         // bytes: a longer message comes as a *Message that can be read while it arrives; 0: none does. MaxMessage and MaxFrame bound it as ever

	// Of a Conn.
	SkipOthers bool  // ReceiveText and ReceiveBinary pass over messages of the other type, in place of a MessageTypeError
	WhenUnread Bound // when CreditFrames messages or CreditBytes of them wait to be received: Wait, so does the peer; Fail: 1008 and ErrUnread
	WhenUnsent Bound // when HighWater of output waits, or half of MaxOut, and more is to be sent: Wait, so does Send; Fail: 1008 and ErrUnsent. A Writer waits

	// Of Pings and Pongs, and of silence.
	NoAutoPong     bool          // leave it to the handler, or a stage, to answer Pings
	ShowControl    bool          // hand Pings and Pongs to the handler as well
	PingInterval   time.Duration // of the peer's silence before a Ping: 30 s (live)
	PingTimeout    time.Duration // of silence after that Ping, before the end: 20 s (live)
	PingPayload    func() []byte // of Pings, at most 125 bytes; nil: a counter
	OneWayPing     bool          // send Pongs, which nobody answers, in place of Pings
	ReportRTT      bool          // hand the handler the RoundTripTime of the library's Pings as well; it resets a SetReceiveTimeout. Of its own Pings a handler always hears
	MessageTimeout time.Duration // without a message in either direction, Pings and Pongs aside; then 1001. 0: never (live)

	MaxAge time.Duration // of a connection, or up to a quarter less, so that they do not end together; then 1012. 0: any

	// Of back-pressure.
	CreditFrames  int           // messages handed over and not worked through, or by a Conn not received: 64; then the socket is not read (live)
	CreditBytes   int           // bytes handed over and not worked through, or by a Conn not received: 64 KiB; then the socket is not read (live)
	CreditTimeout time.Duration // in which a handler that owes some must have worked through something: 2 min, or 1011. A Conn has any time until its peer, or our Close, ends it, see ErrUnreceived (live)
	MaxOut        int           // bytes of output that wait: 1 MiB; past half of it the peer is not read, but for a Conn, whose Send waits; over it see SlowAfter. A message alone may be longer (live)
	SlowAfter     time.Duration // over MaxOut a peer is slow if it has taken less than MaxOut in this time: 5 s, then 1008; so a burst is no offence (live)
	MaxBurst      int           // bytes of output that wait, for a peer that is not slow: 64 MiB; over it: 1008 (live)
	WhenFull      Policy        // in place of 1008: CloseSlow; DropNewest and DropOldest bring Dropped
	HighWater     int           // bytes of waiting output that bring Backpressure: 64 KiB (live)
	LowWater      int           // bytes of waiting output below which Drained follows Backpressure: 16 KiB, and HighWater where that is less (live)
	WriteStall    time.Duration // in which the socket takes not one byte of waiting output: 10 s; over it: 1008. TLS over what is not TCP: 4 KiB (live)
	EndOnRestart  bool          // of a FrameHandler: its connections end with 1011; else they are announced to it again
	CloseTimeout  time.Duration // for each step of closing: 5 s; then the connection is cut. A peer that takes 16 KiB of output before our Close gets as much again, and one that has all that we sent, our last word too, a second of silence to end the TCP connection (live)

	Budget *pipeline.Budget // of memory that is held on behalf of peers, shared by connections; nil: none

	Observers []*Observer // are told what becomes of the connections; see Observer

	MaskGen  func() [4]byte // client: keys for its frames, for tests; nil: crypto/rand
	Portable bool           // a goroutine for each connection instead of the system's poller
}

// ChooseSubprotocol returns the subprotocol of a connection, one of those that [Subprotocols]
// lists of its request, or "". An error refuses the request: a *[Refusal] with
// what it says, any other with 500 and a line in the log, as one of Handler.New does.
type ChooseSubprotocol = func(r *http.Request) (string, error)

// extensions is what is negotiated.
func (o *Options) extensions() pipeline.Extensions {
	return pipeline.Extensions{Compression: o.Compression, Own: o.Extensions}
}

// What follows is for Options with their defaults, see inForce: what is negative is 0 for the
// layers below, which read that as "no limit".

// or returns v, def in place of 0 and 0 in place of a negative number.
func or[T ~int | ~int64](v, def T) T {
	switch {
	case v == 0:
		return def
	case v < 0:
		return 0
	}
	return v
}

// top is the stages that may be replaced while a connection lives.
func (o *Options) top(extra []pipeline.Stage) pipeline.Part {
	alive := &pipeline.KeepAlive{AutoPing: pipeline.AutoPing{
		Interval: max(o.PingInterval, 0),
		Timeout:  max(o.PingTimeout, 0),
		Payload:  o.PingPayload,
		OneWay:   o.OneWayPing,
		Quiet:    !o.ReportRTT,
		Show:     o.ShowControl,
	}}
	if !o.NoAutoPong {
		alive.AutoPong = &pipeline.AutoPong{Show: o.ShowControl}
	}
	if len(extra) == 0 {
		return alive
	}
	return pipeline.Chain(append([]pipeline.Stage{alive.Stage()}, extra...)...)
}

// core is the stages that make WebSocket. Connections that one message may be sent
// to have shared in common; it may be nil. A Conn reads the pieces of long messages
// itself; for anybody else they are Messages.
func (o *Options) core(client, conn bool, agreed *pipeline.Agreed, shared *pipeline.Shared) pipeline.Part {
	core := &pipeline.Core{
		Sequence: pipeline.Sequence{
			Limit:  max(o.MaxOut, 0),
			High:   max(o.HighWater, 0),
			Policy: o.WhenFull,
		},
		Stream:     o.Stream,
		StreamOver: max(o.StreamOver, 0),
		Budget:     o.Budget,
		Limit: pipeline.Limit{
			Message:     max(o.MaxMessage, 0),
			Time:        max(o.MessageTime, 0),
			ControlRate: max(o.ControlRate, 0),
		},
		Closing: pipeline.Closing{Client: client, Timeout: max(o.CloseTimeout, 0), MessageTimeout: max(o.MessageTimeout, 0)},
		Codec: pipeline.Codec{
			Client:    client,
			MaxFrame:  max(o.MaxFrame, 0),
			Fragments: max(o.MaxFragments, 0),
			MaskGen:   o.MaskGen,
		},
	}
	if o.StreamOver > 0 && !o.Stream && !conn {
		core.Messages = inboxes(o.StreamOver, max(o.CreditBytes, 0))
	}
	if o.MaxAge > 0 {
		core.Messages = below(core.Messages, pipeline.MaxAge(o.MaxAge))
	}
	if o.WhenFull != CloseSlow {
		core.Above = pipeline.Outbox{
			Limit:  max(o.MaxOut, 0),
			High:   or(max(o.HighWater, 0), defaultHighWater), // there is always one: a negative one only keeps the handler in peace
			Policy: o.WhenFull,
		}
	}
	core.Codec.RSV, core.Outer, core.Inner = agreed.RSV, agreed.Outer, agreed.Inner
	if agreed.Deflate != nil {
		core.Deflate = &pipeline.Deflate{Compression: *o.Compression, Params: *agreed.Deflate, Client: client, Shared: shared}
	}
	return core
}

// limits is what the driver of the pipeline holds at most.
func (o *Options) limits() *actors.Limits {
	l := &actors.Limits{
		CreditFrames:  max(o.CreditFrames, 0),
		CreditBytes:   max(o.CreditBytes, 0),
		CreditTimeout: max(o.CreditTimeout, 0),
		EndOnRestart:  o.EndOnRestart,
		Out:           max(o.MaxOut, 0),
		SlowAfter:     max(o.SlowAfter, 0),
		Burst:         max(o.MaxBurst, 0),
		High:          max(o.HighWater, 0),
		Low:           max(o.LowWater, 0),
		Stall:         max(o.WriteStall, 0),
		Linger:        max(o.CloseTimeout, 0),
	}
	if o.WhenFull != CloseSlow {
		l.Out = -1 // for good: the outbox has the limit
	}
	return l
}

// below puts a stage below others that stay when the top is replaced; nil: there are none.
func below(others, s pipeline.Stage) pipeline.Stage {
	if others == nil {
		return s
	}
	return pipeline.Chain(others, s)
}
