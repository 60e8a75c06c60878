package sockets

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/spindrift-go/spindrift/internal/errorlog"
)

// HandshakeError is a server's answer that is not the upgrade asked for. Errors of Dial and
// DialActor, and of connections that Connect made, wrap it: use errors.As.
type HandshakeError struct {
	Why    string      // in one line
	Status int         // of the response
	Header http.Header // of the response
	Body   []byte      // its first KiB
}

// Error has the first line of what the server has said besides, unless it is a page: "origin is
// not allowed", say.
func (e *HandshakeError) Error() string {
	text := fmt.Sprintf("%s (status %d)", e.Why, e.Status)
	said, _, _ := strings.Cut(strings.TrimSpace(string(e.Body)), "\n")
	if said = strings.TrimSpace(said); said != "" && said[0] != '<' {
		text += ": " + said
	}
	return errorlog.OneLine(text)
}

// dialError is an error of op, told in one line: it may repeat what a server has sent.
type dialError struct {
	op, address string
	err         error
}

func (e *dialError) Error() string {
	return "sockets: " + e.op + " " + redacted(e.address) + ": " + errorlog.OneLine(e.err.Error())
}

func (e *dialError) Unwrap() error { return e.err }
