// Package sockets is what a user of Spindrift imports: a server that is net/http
// with upgraded connections as actors, a handler for any other server, a client,
// and the messages they exchange with frame handlers.
//
// A frame handler is any proto.actor actor. It gets, from each connection that
// names it, first *Upgraded, then *frame.Frame for every message and whatever
// the stages tell (*RoundTripTime, *Backpressure, *Drained), and last, exactly
// once, *Closed. The sender of all of these is the connection: what the handler
// responds, or sends there at any time, goes out.
//
// A handler also sees *actor.Touch now and then, which proto.actor answers for
// it: that is how a connection learns what the handler has worked through. Like
// any actor it should pass over messages that it does not know.
//
// The package speaks no HTTP itself (net/http does) and knows no frames beyond
// composing the stages of package pipeline.
package sockets
