package telemetry

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// handshakeSpan makes the span of a handshake, which is over. r may be nil.
func (t *telemetry) handshakeSpan(h *sockets.Handshake, r *http.Request, over time.Time, answer int, failed error) trace.SpanContext {
	ctx, kind := context.Background(), trace.SpanKindClient
	if r != nil {
		ctx = r.Context()
	}
	if !h.Client {
		kind = trace.SpanKindServer
		if trace.SpanContextFromContext(ctx).IsValid() { // middleware has one for the request
			kind = trace.SpanKindInternal
		} else if r != nil {
			ctx = t.Propagator.Extract(ctx, propagation.HeaderCarrier(r.Header))
		}
	}
	_, span := t.tracer.Start(ctx, "websocket handshake", trace.WithSpanKind(kind), trace.WithTimestamp(h.Began))
	if span.IsRecording() {
		span.SetAttributes(attribute.String("http.request.method", "GET"), scheme(h.TLS), attribute.String("url.path", h.Path))
		if h.Route != "" {
			span.SetAttributes(attribute.String("http.route", route(h.Route)))
		}
		span.SetAttributes(address(h)...)
		if answer != 0 {
			span.SetAttributes(status(answer))
		}
		if failed != nil {
			span.SetAttributes(errorType(failed))
			span.RecordError(failed, trace.WithTimestamp(over))
			if h.Client || answer >= 500 { // what a client asks for in vain is no error of a server's
				span.SetStatus(codes.Error, "")
			}
		}
	}
	span.End(trace.WithTimestamp(over))
	return span.SpanContext()
}

// endSpan makes the span of the end of a connection, whose handshake had one.
func (t *telemetry) endSpan(c *sockets.Observed, how *sockets.Closed, handshake trace.SpanContext, now time.Time) {
	if !handshake.IsSampled() {
		return
	}
	_, span := t.tracer.Start(context.Background(), "websocket close", trace.WithNewRoot(), trace.WithTimestamp(now),
		trace.WithSpanKind(trace.SpanKindInternal), trace.WithLinks(trace.Link{SpanContext: handshake}))
	if span.IsRecording() {
		span.SetAttributes(
			attribute.String("websocket.close.code", strconv.Itoa(int(how.Code))), // a string, as in the metrics
			attribute.String("websocket.close.reason", how.Reason),
			attribute.String("websocket.close.by", how.By.String()),
			attribute.Bool("websocket.close.clean", how.Clean),
			attribute.Float64("websocket.connection.duration", now.Sub(c.Opened).Seconds()),
			attribute.Int64("websocket.messages.received", c.Traffic.MessagesIn),
			attribute.Int64("websocket.messages.transmitted", c.Traffic.MessagesOut),
			attribute.Int64("websocket.io.received", c.Traffic.BytesIn),
			attribute.Int64("websocket.io.transmitted", c.Traffic.BytesOut),
		)
		span.SetAttributes(address(&c.Handshake)...)
		if err := how.Failure(); err != nil {
			span.RecordError(err, trace.WithTimestamp(now))
			if how.By == sockets.Local || how.Code == frame.InternalError { // a peer that goes away is no error of ours
				span.SetStatus(codes.Error, "")
			}
		}
	}
	span.End(trace.WithTimestamp(now))
}

// address is where a handshake came from, or led to.
func address(h *sockets.Handshake) []attribute.KeyValue {
	name := "client.address"
	if h.Client {
		name = "server.address"
	}
	host, _, err := net.SplitHostPort(h.Peer)
	if err != nil {
		host = h.Peer
	}
	return []attribute.KeyValue{attribute.String(name, host)}
}

// errorType is one of few words for err.
func errorType(err error) attribute.KeyValue {
	is := "_OTHER"
	var answer *sockets.HandshakeError
	var refusal *sockets.Refusal
	var timeout interface{ Timeout() bool }
	switch {
	case errors.As(err, &answer), errors.As(err, &refusal):
		is = "refused"
	case errors.Is(err, context.Canceled):
		is = "canceled"
	case errors.As(err, &timeout) && timeout.Timeout():
		is = "timeout"
	}
	return attribute.String("error.type", is)
}
