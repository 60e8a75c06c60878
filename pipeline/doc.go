// Package pipeline holds the stages that make WebSocket out of frames: what RFC
// 6455 and RFC 7692 ask of a sequence of frames, and what users ask on top.
//
// A pipeline is two functions: one takes what comes up from the wire, one takes
// what comes down from the handler. A [Stage] is a recipe that, given its two
// neighbours, returns its own two functions, and a [Chain] of stages is a stage.
//
//	handler | AutoPong AutoPing yours... | Sequence Outbox Assemble | Limit Text Deflate Budget Closing Codec | wire
//	          payload belongs to the receiver                       | payload borrowed from the read buffer
//
// The stages of one connection are a [Pipeline], of two parts: a top, next to the
// handler, that may be replaced while it lives, and a core. The usual two,
// [KeepAlive] and [Core], are the stages above as objects in one allocation; a Stage of
// one's own stands among them by an adapter.
//
// The package does no I/O, starts no goroutine and reads no clock: a [Driver]
// (package actors, or a test) feeds a pipeline bytes and events and does what leaves
// it. Time is an [After] sent down that comes back up.
//
// From v0.1.0 on, [Stage], [Chain], [Tap], [After] and the stages with their options and
// what they tell a handler are promised: later versions do not break programs that use
// them. What is between a driver and the stages is not promised: [Driver], [Pipeline],
// [Part], [Core], [KeepAlive], [Space] and the other items that only a driver and the
// stages exchange may change with any version.
package pipeline
