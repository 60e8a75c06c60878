package sockets

import (
	"fmt"
	"net/http"

	"github.com/spindrift-go/spindrift/actors"
)

// HandshakeError is a server's answer that is not the upgrade asked for. Errors of DialActor
// and of connections that Connect made wrap it: use errors.As.
type HandshakeError struct {
	Why    string      // in one line
	Status int         // of the response
	Header http.Header // of the response
	Body   []byte      // its first KiB
}

func (e *HandshakeError) Error() string {
	return actors.OneLine(fmt.Sprintf("%s (status %d)", e.Why, e.Status))
}

// dialError is an error of op, told in one line: it may repeat what a server has sent.
type dialError struct {
	op, address string
	err         error
}

func (e *dialError) Error() string {
	return "sockets: " + e.op + " " + redacted(e.address) + ": " + actors.OneLine(e.err.Error())
}

func (e *dialError) Unwrap() error { return e.err }
