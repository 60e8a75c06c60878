// Package actors is the connection actor, from the request to the last word.
//
// A connection is an actor that owns a socket. It starts as one end of HTTP; an
// [Upgrader] turns it, in one turn, into the driver of a pipeline: it reads when
// the poller says so, feeds the bytes in at the bottom, hands what leaves the
// top to the frame handler, and writes once what a burst of messages has made.
//
// The package moves items between a mailbox, a pipeline and a transport. Whose
// turn it is, package dispatch decides; what a socket is, package transport knows.
// It does not know frames: what the bytes mean is decided by the stages of package
// pipeline, which HTTP requests may upgrade by package sockets.
//
// Nothing here is promised. The package and those below it, dispatch and transport, are
// what package sockets is made of, and may change with any version; programs import
// sockets. What a reader needs besides is in the README of each folder.
package actors
