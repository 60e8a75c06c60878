// Package sockets is what a user of Spindrift imports: WebSocket servers and clients,
// for ordinary code and for proto.actor actors.
//
// Ordinary code has a [Conn], which it reads and writes; no actor is in sight. [Session]
// is an http.Handler that runs a function for each connection, [Accept] upgrades within a
// handler of one's own, and [Dial] is the client, [DialReconnecting] one that comes back.
// [Callbacks] are functions in place of a loop. Any server will do whose connections can
// be hijacked. A [Server], which is an http.Server, has these connections in its Shutdown
// and its caps besides. Over HTTP/2 see [ExtendedConnect].
//
// A [Proxy] carries connections to a backend. A [Room] sends the same messages to many connections, of either kind.
//
// Where state is shared, or a goroutine for each connection is too much, a connection
// is an actor that speaks to a frame handler, any proto.actor actor. [Handler] and
// [Upgrade] accept one, [DialActor] and [ReconnectActor] open one, and a Server's Listener
// is an actor that is asked about every request. The frame handler gets, from each
// connection that names it, first *[Upgraded], then *frame.Frame for every message (or
// *[Message], see Options.StreamOver) and whatever the stages tell (*[RoundTripTime],
// *[Backpressure], *[Drained]), and last, exactly once, *[Closed]. One that has stopped, by
// itself or because it panicked, is told nothing more. The sender of all of these is the
// connection: what the handler responds, or sends there at any time, goes out.
//
// A frame handler also sees *actor.Touch now and then, which proto.actor answers for
// it: that is how a connection learns what the handler has worked through. Like
// any actor it should pass over messages that it does not know.
//
// The package speaks no HTTP itself as a server (net/http does), and knows no frames beyond
// composing the stages of package pipeline.
//
// From v0.1.0 on, everything that the package exports is promised: later versions
// do not break programs that use it. The same holds for package
// frame, and in package pipeline for what its documentation names. Package actors is not
// promised.
package sockets
