package telemetry

import (
	"errors"

	"github.com/spindrift-go/spindrift/sockets"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// instruments are those of one role.
type instruments struct {
	active                                metric.Int64UpDownCounter
	duration, handshake, trip             metric.Float64Histogram
	messages, io, refusals, drops, panics metric.Int64Counter
}

// The buckets, in seconds: those of a connection's duration go from one that failed at once
// to a day; the others are HTTP's.
var (
	durations  = []float64{0.1, 1, 5, 15, 60, 300, 900, 3600, 4 * 3600, 12 * 3600, 24 * 3600}
	handshakes = []float64{0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10}
	trips      = []float64{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5}
)

func (i *instruments) make(m metric.Meter, prefix string) error {
	var errs []error
	histogram := func(name, what string, buckets []float64) metric.Float64Histogram {
		h, err := m.Float64Histogram(prefix+name, metric.WithUnit("s"), metric.WithDescription(what), metric.WithExplicitBucketBoundaries(buckets...))
		errs = append(errs, err)
		return h
	}
	counter := func(name, unit, what string) metric.Int64Counter {
		c, err := m.Int64Counter(prefix+name, metric.WithUnit(unit), metric.WithDescription(what))
		errs = append(errs, err)
		return c
	}
	var err error
	i.active, err = m.Int64UpDownCounter(prefix+"active_connections", metric.WithUnit("{connection}"), metric.WithDescription("WebSocket connections that are open"))
	errs = append(errs, err)
	i.duration = histogram("connection.duration", "How long WebSocket connections lasted", durations)
	i.handshake = histogram("handshake.duration", "How long WebSocket handshakes took", handshakes)
	i.trip = histogram("round_trip.duration", "How long Pings and their Pongs took", trips)
	i.messages = counter("messages", "{message}", "Messages received and transmitted")
	i.io = counter("io", "By", "Payload bytes of messages received and transmitted")
	i.refusals = counter("refusals", "{handshake}", "WebSocket handshakes that came to nothing")
	i.drops = counter("dropped_messages", "{message}", "Messages dropped because the peer was too slow")
	i.panics = counter("panics", "{panic}", "Panics of handlers and stages")
	return errors.Join(errs...)
}

// series is a combination of attributes, which many connections share.
type series struct {
	*instruments
	all, in, out metric.MeasurementOption
}

// key is what makes a series, where the program adds no attributes.
type key struct {
	client, tls        bool
	route, subprotocol string
}

func (t *telemetry) seriesOf(h *sockets.Handshake, subprotocol string) *series {
	k := key{h.Client, h.TLS, route(h.Route), subprotocol}
	if t.Attributes != nil {
		return t.newSeries(k, t.Attributes(h))
	}
	if s, ok := t.known.Load(k); ok {
		return s.(*series)
	}
	s, _ := t.known.LoadOrStore(k, t.newSeries(k, nil))
	return s.(*series)
}

func (t *telemetry) newSeries(k key, more []attribute.KeyValue) *series {
	attrs := append(more[:len(more):len(more)], scheme(k.tls))
	if k.route != "" {
		attrs = append(attrs, attribute.String("http.route", k.route))
	}
	if k.subprotocol != "" {
		attrs = append(attrs, attribute.String("websocket.subprotocol", k.subprotocol))
	}
	with := func(more ...attribute.KeyValue) metric.MeasurementOption {
		return metric.WithAttributeSet(attribute.NewSet(append(attrs[:len(attrs):len(attrs)], more...)...))
	}
	s := &series{
		instruments: &t.instruments[0], all: with(),
		in:  with(attribute.String("network.io.direction", "receive")),
		out: with(attribute.String("network.io.direction", "transmit")),
	}
	if k.client {
		s.instruments = &t.instruments[1]
	}
	return s
}

func scheme(tls bool) attribute.KeyValue {
	if tls {
		return attribute.String("url.scheme", "wss")
	}
	return attribute.String("url.scheme", "ws")
}

func status(code int) attribute.KeyValue { return attribute.Int("http.response.status_code", code) }
