package main

import (
	"errors"
	"net/http"
	"time"

	"github.com/spindrift-go/spindrift/sockets"
)

// opened tells of a connection.
func (t *conversation) opened(subprotocol string, answer *http.Response) {
	text := "connected"
	if subprotocol != "" {
		text += ", subprotocol " + subprotocol
	}
	if e := answer.Header.Get("Sec-WebSocket-Extensions"); e != "" {
		text += ", " + e
	}
	if t.inTerm {
		text += "; /help lists commands, Ctrl-D closes"
	}
	t.note(dim, "%s", text)
}

// lost tells of a connection that is tried again.
func (t *conversation) lost(d *sockets.Disconnected) {
	if !d.Final {
		t.note(yellow, "%s", plain(d))
	}
}

// account is the last note.
func (t *conversation) account(in int, err error) {
	var one *sockets.CloseError
	var final *sockets.Disconnected
	end := (*sockets.Closed)(nil)
	if errors.As(err, &one) {
		end = &one.Closed
	} else if errors.As(err, &final) {
		end = final.Closed
	}
	if end != nil && end.Failure() == nil { // any other is the last line of all
		who := map[sockets.Side]string{sockets.Peer: "the server", sockets.Local: "us"}[end.By]
		t.note(dim, "closed by %s: %s", who, code(end.Code, end.Reason))
	}
	t.note(dim, "%d in, %d out, %s", in, t.sent.Load(), short(time.Since(t.began)))
}

// short is a duration with three digits.
func short(d time.Duration) string {
	for unit := time.Duration(1); ; unit *= 10 {
		if d < 1000*unit {
			return d.Round(unit).String()
		}
	}
}
