package frame

import (
	"encoding/binary"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Code is a close code, RFC 6455 7.4.
type Code uint16

// The close codes of RFC 6455 7.4.1 and the registry it opened.
const (
	Normal           Code = 1000
	GoingAway        Code = 1001 // a server shuts down, a page is left
	ProtocolError    Code = 1002
	UnsupportedData  Code = 1003
	NoStatus         Code = 1005 // never sent: the Close frame had no code
	Abnormal         Code = 1006 // never sent: the connection ended without a Close frame
	InvalidPayload   Code = 1007 // text that is not UTF-8, data that does not inflate
	PolicyViolation  Code = 1008
	TooBig           Code = 1009
	MissingExtension Code = 1010
	InternalError    Code = 1011
	ServiceRestart   Code = 1012
	TryAgainLater    Code = 1013
	BadGateway       Code = 1014
)

// OnWire reports whether a Close frame may carry c (RFC 6455 7.4.2):
// 1000-1003, 1007-1014 and 3000-4999.
func (c Code) OnWire() bool {
	switch {
	case c >= 1000 && c <= 1003, c >= 1007 && c <= 1014, c >= 3000 && c <= 4999:
		return true
	}
	return false
}

// Sendable is the code that a Close frame carries when it is to carry c: c itself if it
// may be on the wire; NoStatus, which makes an empty Close, if it is that; InternalError
// for any other. So the code of a Closed can be handed on as it is. It is one rule for
// Close, Error and whatever else ends a connection with a Close.
func (c Code) Sendable() Code {
	if c == NoStatus || c.OnWire() {
		return c
	}
	return InternalError
}

func (c Code) String() string { return strconv.Itoa(int(c)) }

// Error ends a connection with a Close frame that carries Code and Reason. A
// stage sends one down to fail the connection; Closed carries it to the handler.
type Error struct {
	Code   Code   // what is sent is Code.Sendable
	Reason string // UTF-8, at most 123 bytes are sent
	Err    error  // why, for this side: nothing of it is sent, and errors.As does not look into it; nil: the Reason says it
}

func (e *Error) Error() string {
	text := e.Code.String() + " " + e.Reason
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Failure is a short way to write an Error.
func Failure(code Code, reason string) *Error { return &Error{Code: code, Reason: reason} }

// Close is a Close frame with code.Sendable, whatever code is: NoStatus makes an empty
// one, without the reason. The reason is made valid UTF-8 and cut to the 123 bytes that
// fit, between two runes.
func Close(code Code, reason string) *Frame {
	code = code.Sendable()
	if code == NoStatus {
		return &Frame{Header: Header{Fin: true, Opcode: OpClose}}
	}
	reason = strings.ToValidUTF8(reason, "\uFFFD")
	const most = 123
	if len(reason) > most {
		cut := most
		for !utf8.RuneStart(reason[cut]) { // it is valid by now
			cut--
		}
		reason = reason[:cut]
	}
	f := New(OpClose, 2+len(reason))
	f.Payload = binary.BigEndian.AppendUint16(f.Payload, uint16(code))
	f.Payload = append(f.Payload, reason...)
	return f
}

// ParseClose reads the payload of a Close frame, RFC 6455 5.5.1. An empty one is
// NoStatus. A single byte or a code that may not be sent is a ProtocolError, a
// reason that is not UTF-8 an InvalidPayload.
func ParseClose(p []byte) (Code, string, *Error) {
	switch {
	case len(p) == 0:
		return NoStatus, "", nil
	case len(p) == 1:
		return 0, "", Failure(ProtocolError, "close frame with one byte")
	}
	code, reason := Code(binary.BigEndian.Uint16(p)), p[2:]
	if !code.OnWire() {
		return 0, "", Failure(ProtocolError, "close code "+code.String()+" may not be sent")
	}
	if !utf8.Valid(reason) {
		return 0, "", Failure(InvalidPayload, "close reason is not UTF-8")
	}
	return code, string(reason), nil
}
