// Package pipeline holds the stages that make WebSocket out of frames: what RFC
// 6455 and RFC 7692 ask of a sequence of frames, and what users ask on top.
//
// A pipeline is two functions: one takes what comes up from the wire, one takes
// what comes down from the handler. A [Stage] is a recipe that, given its two
// neighbours, returns its own two functions.
//
//	handler | AutoPong AutoPing yours... | Assemble | Limit | Text | Deflate | Closing | Codec | wire
//	          payload belongs to the receiver       |  payload borrowed from the read buffer
//
// The package does no I/O, starts no goroutine and reads no clock: whoever drives
// a pipeline (package actors, or a test) feeds it bytes and events and does what
// leaves it. Time is an [After] sent down that comes back up.
package pipeline
