package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets"
)

// verdict says with which status and which line on standard error a command has ended.
func verdict(err error) (status int, line string) {
	var (
		use    misuse
		answer *sockets.HandshakeError
		end    *sockets.CloseError
		final  *sockets.Disconnected
	)
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp), errors.Is(err, context.Canceled):
		return inOrder, ""
	case errors.As(err, &use):
		return misused, use.Error()
	case errors.As(err, &answer):
		return refused, plain(err)
	case errors.As(err, &end):
		return ended(&end.Closed)
	case errors.As(err, &final) && final.Closed != nil:
		return ended(final.Closed)
	}
	return unreached, plain(err)
}

// ended says how a connection did.
func ended(end *sockets.Closed) (status int, line string) {
	switch {
	case end.Failure() == nil:
		return inOrder, ""
	case end.By == sockets.Nobody || end.Code == frame.Abnormal:
		line, status = "the connection broke", broken
	case end.By == sockets.Local:
		line, status = "closed by us: "+code(end.Code, end.Reason), rejected
	default:
		line, status = "closed by the server: "+code(end.Code, end.Reason), rejected
	}
	if end.Err != nil && !strings.HasSuffix(line, end.Err.Error()) {
		line += ": " + plain(end.Err)
	}
	return status, line
}

// meanings are what RFC 6455 7.4.1 and the registry of close codes say of each.
var meanings = map[frame.Code]string{
	frame.Normal: "normal", frame.GoingAway: "going away", frame.ProtocolError: "protocol error", frame.UnsupportedData: "unsupported data",
	frame.NoStatus: "no code", frame.Abnormal: "no Close", frame.InvalidPayload: "invalid data", frame.PolicyViolation: "policy violation",
	frame.TooBig: "message too big", frame.MissingExtension: "missing extension", frame.InternalError: "internal error",
	frame.ServiceRestart: "service restart", frame.TryAgainLater: "try again later", frame.BadGateway: "bad gateway",
}

// code is a close code and its reason for people.
func code(c frame.Code, reason string) string {
	text := fmt.Sprint(uint16(c))
	if m := meanings[c]; m != "" {
		text += " (" + m + ")"
	}
	if reason != "" {
		text += " " + fmt.Sprintf("%q", reason)
	}
	return text
}

// plain is an error without the package that it comes from.
func plain(err error) string { return printable(strings.TrimPrefix(err.Error(), "sockets: ")) }
