// Package frame is one WebSocket frame: bytes to frames and back, masks, UTF-8
// and close codes (RFC 6455 sections 5, 7 and 8).
//
// It does no I/O, starts no goroutine and reads no clock. It knows single frames
// and the order in which they may follow each other; what a sequence of frames
// means (pongs, messages, closing) is package pipeline's.
//
// From v0.1.0 on, everything that the package exports is promised: later versions
// do not break programs that use it.
package frame
