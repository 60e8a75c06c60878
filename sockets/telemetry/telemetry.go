// Package telemetry feeds OpenTelemetry with what a sockets.Observer is told: metrics, and two
// spans for each connection. It is a module of its own, so that OpenTelemetry's does not enter
// programs that do not ask.
//
//	observer, err := telemetry.New(nil) // the global providers
//	srv := &sockets.Server{Observers: []*sockets.Observer{observer}}
//
// OpenTelemetry has no conventions for WebSocket. The names follow those for HTTP, and are
// unstable: they will follow conventions that come. Each is there for servers and for clients
// (websocket.client...):
//
//	websocket.server.active_connections   {connection}  a gauge; 0 when all have ended
//	websocket.server.connection.duration  s             a histogram, by websocket.close.code and websocket.close.by (peer, local, nobody)
//	websocket.server.handshake.duration   s             a histogram, by http.response.status_code, also of those that were refused
//	websocket.server.refusals             {handshake}   by http.response.status_code, or error.type where there was no answer
//	websocket.server.messages             {message}     by network.io.direction (receive, transmit)
//	websocket.server.io                   By            payloads, by network.io.direction
//	websocket.server.round_trip.duration  s             a histogram of Pings that were answered
//	websocket.server.dropped_messages     {message}
//	websocket.server.panics               {panic}
//
// All have url.scheme, http.route (the pattern of http.ServeMux) and websocket.subprotocol, where
// they are known. Nothing a peer can choose at will is an attribute of a metric: no path, no
// address, no Host, and of close codes from 3000 on only those in Config.CloseCodes.
//
// The first span is the handshake's, a child of what the request's context or header says. The
// second is that of the end: a trace of its own with a link to the first, for a span that lasts
// as long as a connection would reach nobody before. It says how the connection ended and what
// went over it. It is there if the first was sampled.
package telemetry

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// Config says where to. The zero value, and nil, is the global providers.
type Config struct {
	MeterProvider  metric.MeterProvider          // nil: otel.GetMeterProvider
	TracerProvider trace.TracerProvider          // nil: otel.GetTracerProvider
	Propagator     propagation.TextMapPropagator // finds the parent in a request's header; nil: otel.GetTextMapPropagator

	// CloseCodes are the codes of 3000 and more that metrics tell from each other. All others
	// are 3xxx and 4xxx: a peer may choose any.
	CloseCodes []frame.Code

	// Attributes are added to a handshake's metrics: a tenant, say, or the server of a client.
	// Each combination costs memory for as long as the program runs: there must be few. nil: none.
	Attributes func(h *sockets.Handshake) []attribute.KeyValue
}

// scope is what names who measures.
const scope = "github.com/spindrift-go/spindrift/sockets/telemetry"

// New returns an observer that feeds OpenTelemetry.
func New(c *Config) (*sockets.Observer, error) {
	if c == nil {
		c = new(Config)
	}
	t := &telemetry{Config: *c}
	if t.MeterProvider == nil {
		t.MeterProvider = otel.GetMeterProvider()
	}
	if t.TracerProvider == nil {
		t.TracerProvider = otel.GetTracerProvider()
	}
	if t.Propagator == nil {
		t.Propagator = otel.GetTextMapPropagator()
	}
	t.tracer = t.TracerProvider.Tracer(scope)
	meter := t.MeterProvider.Meter(scope)
	for i, role := range []string{"server", "client"} {
		if err := t.instruments[i].make(meter, "websocket."+role+"."); err != nil {
			return nil, err
		}
	}
	return &sockets.Observer{
		Opened: t.opened, Refused: t.refused, Closed: t.closed, Traffic: t.traffic,
		RoundTrip: t.roundTrip, Dropped: t.dropped, Panicked: t.panicked,
	}, nil
}

type telemetry struct {
	Config
	tracer      trace.Tracer
	instruments [2]instruments // of servers, and of clients
	known       sync.Map       // key to *series: few
}

// connection is what is kept of each: the measures' attributes are shared.
type connection struct {
	*series
	handshake trace.SpanContext
}

func (t *telemetry) opened(c *sockets.Observed, r *http.Request) {
	s := t.seriesOf(&c.Handshake, c.Subprotocol)
	ctx := context.Background()
	s.active.Add(ctx, 1, s.all)
	s.handshake.Record(ctx, c.Opened.Sub(c.Began).Seconds(), s.all, metric.WithAttributes(status(http.StatusSwitchingProtocols)))
	c.Value = &connection{s, t.handshakeSpan(&c.Handshake, r, c.Opened, http.StatusSwitchingProtocols, nil)}
}

func (t *telemetry) refused(r *sockets.Refused) {
	s := t.seriesOf(&r.Handshake, "")
	ctx, now := context.Background(), time.Now()
	why := metric.WithAttributes(status(r.Status))
	if r.Status == 0 {
		why = metric.WithAttributes(errorType(r.Err))
	}
	s.refusals.Add(ctx, 1, s.all, why)
	s.handshake.Record(ctx, now.Sub(r.Began).Seconds(), s.all, why)
	t.handshakeSpan(&r.Handshake, r.Request, now, r.Status, r.Err)
}

func (t *telemetry) closed(c *sockets.Observed, how *sockets.Closed) {
	k, ok := c.Value.(*connection)
	if !ok {
		return
	}
	ctx, now := context.Background(), time.Now()
	k.active.Add(ctx, -1, k.all)
	k.duration.Record(ctx, now.Sub(c.Opened).Seconds(), k.all, metric.WithAttributes(
		attribute.String("websocket.close.code", t.code(how.Code)),
		attribute.String("websocket.close.by", how.By.String()),
	))
	t.endSpan(c, how, k.handshake, now)
}

func (t *telemetry) traffic(c *sockets.Observed, n sockets.Traffic) {
	k, ok := c.Value.(*connection)
	if !ok {
		return
	}
	ctx := context.Background()
	if n.MessagesIn != 0 || n.BytesIn != 0 {
		k.messages.Add(ctx, n.MessagesIn, k.in)
		k.io.Add(ctx, n.BytesIn, k.in)
	}
	if n.MessagesOut != 0 || n.BytesOut != 0 {
		k.messages.Add(ctx, n.MessagesOut, k.out)
		k.io.Add(ctx, n.BytesOut, k.out)
	}
}

func (t *telemetry) roundTrip(c *sockets.Observed, d time.Duration) {
	if k, ok := c.Value.(*connection); ok {
		k.trip.Record(context.Background(), d.Seconds(), k.all)
	}
}

func (t *telemetry) dropped(c *sockets.Observed, d sockets.Dropped) {
	if k, ok := c.Value.(*connection); ok {
		k.drops.Add(context.Background(), int64(d.Messages), k.all)
	}
}

func (t *telemetry) panicked(c *sockets.Observed, _ any) {
	if k, ok := c.Value.(*connection); ok {
		k.panics.Add(context.Background(), 1, k.all)
	}
}

// code is a close code of which there are few.
func (t *telemetry) code(c frame.Code) string {
	if c >= 3000 {
		for _, known := range t.CloseCodes {
			if c == known {
				return c.String()
			}
		}
		return strconv.Itoa(int(c)/1000) + "xxx"
	}
	return c.String()
}

// route is the path of a pattern of http.ServeMux.
func route(pattern string) string {
	if i := strings.IndexByte(pattern, '/'); i > 0 {
		return pattern[i:]
	}
	return pattern
}
