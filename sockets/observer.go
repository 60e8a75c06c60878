package sockets

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/spindrift-go/spindrift/pipeline"
)

// Observer is told what becomes of connections: those of a [Server], or those made on the
// terms of [Options], servers' and clients'. Of each handshake it hears Refused, or Opened
// and at last Closed: both or neither, also when a handler panics, the server shuts down
// or the actor system does. Every function may be nil. To log, for instance:
//
//	&sockets.Observer{
//		Opened:  func(c *sockets.Observed, _ *http.Request) { slog.Info("opened", "conn", c) },
//		Refused: func(r *sockets.Refused) { slog.Warn("refused", "handshake", r) },
//		Closed:  func(c *sockets.Observed, how *sockets.Closed) { slog.Info("closed", "conn", c, "how", how) },
//	}
//
// [Counters] are one that counts, for a page or expvar; package sockets/telemetry has one
// for OpenTelemetry.
//
// The functions are called by many connections at a time, of one connection one after the
// other, within its turns: they must not block. A panic is logged and harms no connection.
// Where nobody observes, nothing is counted.
type Observer struct {
	// Opened is called with a connection before its handler, or the Conn, hears of it. r
	// is the handshake, its context the connection's as in Upgraded. What the observer
	// wants to know of r later it keeps in c.Value.
	Opened func(c *Observed, r *http.Request)

	// Refused is called with a handshake that came to nothing. An answer of the program's
	// own, of a Listener or by a handler that does not ask for an upgrade, is none. Nor is,
	// for a Server's observer, what is refused to a request whose context middleware has
	// replaced.
	Refused func(r *Refused)

	// Closed is the last that is called with a connection. how is as in the message Closed,
	// before stages change it. A drain waits for it. The connection of a turn that code of
	// the program blocks for ever is never closed.
	Closed func(c *Observed, how *Closed)

	// Traffic is called when a burst of messages is over, with what there was since the
	// last call; c.Traffic has it already. Before Closed all has been told.
	Traffic func(c *Observed, t Traffic)

	// RoundTrip is called when a Pong has answered a Ping, of the library's, which sends
	// one after Options.PingInterval of silence, or of the program's.
	RoundTrip func(c *Observed, d time.Duration)

	// Dropped is called with messages that will not go out, as in the message Dropped.
	Dropped func(c *Observed, d Dropped)

	// Panicked is called when a stage of the connection has panicked, its handler, or its
	// session. A handler of many that is not on the Dispatcher panics for one of them:
	// nobody knows which it was. What panics at the end, once Closed was told, is not told.
	Panicked func(c *Observed, reason any)
}

// Traffic is messages and the bytes of their payloads, as the program has them: inflated,
// without headers, Pings and Pongs. A message in fragments counts with its last.
//
//	type Traffic struct {
//		MessagesIn, BytesIn   int64 // handed over
//		MessagesOut, BytesOut int64 // let out by Closing: what was dropped, or came behind a Close, is not among them
//	}
//
// Out is what was given to the socket: whether the peer has received it nobody can know.
type Traffic = pipeline.Traffic

// Handshake is a request for a WebSocket: where it came from or, of a client, led to.
type Handshake struct {
	Client bool   // this side dialled
	Peer   string // address as http.Request.RemoteAddr has it; of a client the host of the URL
	Path   string // of the URL
	Route  string // the pattern of http.ServeMux that led here; "" if there was none. Unlike Path the peer has no say in it
	TLS    bool
	Began  time.Time // when the handshake reached us; of a client, when it was asked for
}

// Observed is a connection as its [Observer] sees it. It is the same for every call, and
// another for another observer.
type Observed struct {
	Handshake
	Subprotocol string    // agreed on; "" if none
	Compressed  bool      // permessage-deflate was agreed on
	Opened      time.Time // the handshake was over
	Traffic     Traffic   // so far
	Value       any       // the observer's own
}

// LogValue makes Observed a slog.LogValuer: who it is and what it has done.
func (c *Observed) LogValue() slog.Value {
	attrs := append(c.attrs(), slog.Duration("age", time.Since(c.Opened).Round(time.Millisecond)))
	if t := c.Traffic; t != (Traffic{}) {
		attrs = append(attrs, slog.Int64("messages_in", t.MessagesIn), slog.Int64("messages_out", t.MessagesOut),
			slog.Int64("bytes_in", t.BytesIn), slog.Int64("bytes_out", t.BytesOut))
	}
	return slog.GroupValue(attrs...)
}

func (h *Handshake) attrs() []slog.Attr {
	return []slog.Attr{slog.String("peer", h.Peer), slog.String("path", h.Path)}
}

// Refused is a handshake that came to nothing.
type Refused struct {
	Handshake
	Request *http.Request // on the server; nil for a client
	Status  int           // that the client was told, or the server has told us; 0: none, there was no answer
	Err     error         // why: on the server a *Refusal where it was one, or what a Proxy's backend has said; for a client what the error of DialActor wraps
}

// LogValue makes Refused a slog.LogValuer.
func (r *Refused) LogValue() slog.Value {
	return slog.GroupValue(append(r.attrs(), slog.Int("status", r.Status), slog.Any("error", r.Err))...)
}
