package telemetry

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

// rig is a server and clients, and what OpenTelemetry has received of them.
type rig struct {
	*testing.T
	reader *metric.ManualReader
	spans  *tracetest.SpanRecorder
	config Config
	server *sockets.Server
	client *sockets.Options
	url    string
}

func newRig(t *testing.T) *rig {
	r := &rig{T: t, reader: metric.NewManualReader(), spans: tracetest.NewSpanRecorder()}
	r.config = Config{
		MeterProvider:  metric.NewMeterProvider(metric.WithReader(r.reader)),
		TracerProvider: trace.NewTracerProvider(trace.WithSpanProcessor(r.spans)),
		Propagator:     propagation.TraceContext{},
		CloseCodes:     []frame.Code{4001},
	}
	observer, err := New(&r.config)
	require.NoError(t, err)
	mux := http.NewServeMux()
	mux.Handle("GET /rooms/{room}", sockets.Session(func(ctx context.Context, c *sockets.Conn) error {
		for {
			m, err := c.Receive(ctx)
			if err != nil {
				return err
			}
			if m.String() == "panic" {
				panic("on purpose")
			}
			c.Send(ctx, m)
		}
	}))
	r.server = &sockets.Server{Server: http.Server{Handler: mux}, Observers: []*sockets.Observer{observer}}
	r.client = &sockets.Options{Observers: []*sockets.Observer{observer}}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- r.server.Serve(l) }()
	t.Cleanup(func() { r.server.Close(); <-served })
	r.url = "ws://" + l.Addr().String()
	return r
}

// sums are all data points by "name{attributes}": the sum of a counter, the count of a histogram.
func (r *rig) sums() map[string]int64 {
	var got metricdata.ResourceMetrics
	require.NoError(r, r.reader.Collect(context.Background(), &got))
	sums := map[string]int64{}
	at := func(name string, set attribute.Set) string {
		return name + "{" + set.Encoded(attribute.DefaultEncoder()) + "}"
	}
	for _, scope := range got.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					sums[at(m.Name, p.Attributes)] = p.Value
				}
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					sums[at(m.Name, p.Attributes)] = int64(p.Count)
				}
			default:
				require.Fail(r, "unexpected", "%s: %T", m.Name, data)
			}
		}
	}
	return sums
}

// After connections that came, talked and went in many ways the gauges are back at 0, the
// counters are exact, and no peer has made a series of its own.
func TestMetrics(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	codes := []frame.Code{1000, 4001, 4002, 4003}
	for i := range 40 {
		c, err := sockets.Dial(ctx, r.url+"/rooms/"+strings.Repeat("x", i+1), &sockets.DialOptions{Options: r.client})
		require.NoError(t, err)
		require.NoError(t, c.SendText(ctx, "hello"))
		_, err = c.Receive(ctx)
		require.NoError(t, err)
		if i == 39 {
			require.NoError(t, c.SendText(ctx, "panic"))
			<-c.Done()
			continue
		}
		require.NoError(t, c.Close(codes[i%4], ""))
	}
	plain, err := http.Get("http" + strings.TrimPrefix(r.url, "ws") + "/rooms/plain")
	require.NoError(t, err)
	plain.Body.Close()
	_, err = sockets.Dial(ctx, r.url+"/nothing", &sockets.DialOptions{Options: r.client})
	require.Error(t, err)
	ended, cancel := context.WithCancel(ctx)
	cancel()
	_, err = sockets.Dial(ended, r.url+"/rooms/late", &sockets.DialOptions{Options: r.client})
	require.Error(t, err)
	require.NoError(t, r.server.Shutdown(ctx))
	require.Eventually(t, func() bool { return r.sums()["websocket.client.active_connections{url.scheme=ws}"] == 0 }, 10*time.Second, time.Millisecond)

	server, client := "http.route=/rooms/{room},url.scheme=ws", "url.scheme=ws"
	assert.Equal(t, map[string]int64{
		"websocket.server.active_connections{" + server + "}": 0,
		"websocket.client.active_connections{" + client + "}": 0,

		"websocket.server.handshake.duration{http.response.status_code=101," + server + "}": 40,
		"websocket.server.handshake.duration{http.response.status_code=426," + server + "}": 1,
		"websocket.server.refusals{http.response.status_code=426," + server + "}":           1,
		"websocket.client.handshake.duration{http.response.status_code=101," + client + "}": 40,
		"websocket.client.handshake.duration{http.response.status_code=404," + client + "}": 1,
		"websocket.client.handshake.duration{error.type=canceled," + client + "}":           1,
		"websocket.client.refusals{http.response.status_code=404," + client + "}":           1,
		"websocket.client.refusals{error.type=canceled," + client + "}":                     1,

		"websocket.server.messages{http.route=/rooms/{room},network.io.direction=receive,url.scheme=ws}":  41,
		"websocket.server.messages{http.route=/rooms/{room},network.io.direction=transmit,url.scheme=ws}": 40,
		"websocket.server.io{http.route=/rooms/{room},network.io.direction=receive,url.scheme=ws}":        205,
		"websocket.server.io{http.route=/rooms/{room},network.io.direction=transmit,url.scheme=ws}":       200,
		"websocket.client.messages{network.io.direction=receive,url.scheme=ws}":                           40,
		"websocket.client.messages{network.io.direction=transmit,url.scheme=ws}":                          41,
		"websocket.client.io{network.io.direction=receive,url.scheme=ws}":                                 200,
		"websocket.client.io{network.io.direction=transmit,url.scheme=ws}":                                205,

		"websocket.server.connection.duration{" + server + ",websocket.close.by=peer,websocket.close.code=1000}":  10,
		"websocket.server.connection.duration{" + server + ",websocket.close.by=peer,websocket.close.code=4001}":  10,
		"websocket.server.connection.duration{" + server + ",websocket.close.by=peer,websocket.close.code=4xxx}":  19,
		"websocket.server.connection.duration{" + server + ",websocket.close.by=local,websocket.close.code=1011}": 1,
		"websocket.client.connection.duration{" + client + ",websocket.close.by=local,websocket.close.code=1000}": 10,
		"websocket.client.connection.duration{" + client + ",websocket.close.by=local,websocket.close.code=4001}": 10,
		"websocket.client.connection.duration{" + client + ",websocket.close.by=local,websocket.close.code=4xxx}": 19,
		"websocket.client.connection.duration{" + client + ",websocket.close.by=peer,websocket.close.code=1011}":  1,
		"websocket.server.panics{" + server + "}": 1,
	}, r.sums())
}

// The span of the handshake is a child of the client's, and the span of the end is linked to it.
func TestSpans(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	parent := "4bf92f3577b34da6a3ce929d0e0e4736"
	header := http.Header{"Traceparent": {"00-" + parent + "-00f067aa0ba902b7-01"}}
	c, err := sockets.Dial(ctx, r.url+"/rooms/a", &sockets.DialOptions{Header: header})
	require.NoError(t, err)
	require.NoError(t, c.Close(4002, "bye"))
	require.NoError(t, r.server.Shutdown(ctx))

	spans := r.spans.Ended()
	require.Len(t, spans, 2)
	assert.Equal(t, len(spans), len(r.spans.Started()), "all that began have ended")
	shake, end := spans[0], spans[1]
	assert.Equal(t, "websocket handshake", shake.Name())
	assert.Equal(t, parent, shake.SpanContext().TraceID().String())
	assert.Contains(t, shake.Attributes(), attribute.Int("http.response.status_code", 101))
	assert.Contains(t, shake.Attributes(), attribute.String("http.route", "/rooms/{room}"))
	assert.Equal(t, "websocket close", end.Name())
	assert.NotEqual(t, shake.SpanContext().TraceID(), end.SpanContext().TraceID())
	require.Len(t, end.Links(), 1)
	assert.Equal(t, shake.SpanContext(), end.Links()[0].SpanContext)
	for _, a := range []attribute.KeyValue{
		attribute.String("websocket.close.code", "4002"), attribute.String("websocket.close.reason", "bye"), attribute.String("websocket.close.by", "peer"),
	} {
		assert.Contains(t, end.Attributes(), a)
	}
}

// A refused handshake has a span too, and no other.
func TestSpanOfARefusal(t *testing.T) {
	r := newRig(t)
	_, err := sockets.Dial(t.Context(), "ws://127.0.0.1:1/", &sockets.DialOptions{Options: r.client})
	require.Error(t, err)
	spans := r.spans.Ended()
	require.Len(t, spans, 1)
	assert.Equal(t, "Error", spans[0].Status().Code.String())
	assert.Contains(t, spans[0].Attributes(), attribute.String("server.address", "127.0.0.1"))
}
