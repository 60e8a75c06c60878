package remote

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/spindrift-go/spindrift/sockets"
	"github.com/spindrift-go/spindrift/sockets/remote/wire"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

var errMalformed = errors.New("malformed")

// item is an Item as it lies in a Pack.
type item struct {
	target, sender, senderAddress []byte
	targetRequest, senderRequest  uint32
	up                            bool
	header                        [][]byte // Fields
	kind                          protowire.Number
	body                          []byte
}

// fields calls varint and bytes for each field of a protobuf message. They report whether they
// can use what they get.
func fields(b []byte, varint func(protowire.Number, uint64), bytes func(protowire.Number, []byte)) error {
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return errMalformed
		}
		b = b[n:]
		switch kind {
		case protowire.VarintType:
			v, n := protowire.ConsumeVarint(b)
			if n < 0 {
				return errMalformed
			}
			varint(number, v)
			b = b[n:]
		case protowire.BytesType:
			v, n := protowire.ConsumeBytes(b)
			if n < 0 {
				return errMalformed
			}
			bytes(number, v)
			b = b[n:]
		default: // of a later version
			n := protowire.ConsumeFieldValue(number, kind, b)
			if n < 0 {
				return errMalformed
			}
			b = b[n:]
		}
	}
	return nil
}

func (i *item) parse(b []byte) error {
	*i = item{header: i.header[:0]}
	return fields(b, i.varint, i.bytes)
}

func (i *item) varint(number protowire.Number, v uint64) {
	switch number {
	case itemTargetRequest:
		i.targetRequest = uint32(v)
	case itemSenderRequest:
		i.senderRequest = uint32(v)
	case itemUp:
		i.up = v != 0
	}
}

func (i *item) bytes(number protowire.Number, v []byte) {
	switch {
	case number == itemTarget:
		i.target = v
	case number == itemSender:
		i.sender = v
	case number == itemSenderAddress:
		i.senderAddress = v
	case number == itemHeader:
		i.header = append(i.header, v)
	case number >= kindFrame:
		i.kind, i.body = number, v
	}
}

// headers are those of the envelope; nil: none.
func (i *item) headers() map[string]string {
	if len(i.header) == 0 {
		return nil
	}
	h := make(map[string]string, len(i.header))
	for _, b := range i.header {
		var f wire.Field
		if proto.Unmarshal(b, &f) == nil && len(f.Values) == 1 {
			h[string(f.Name)] = string(f.Values[0])
		}
	}
	return h
}

// keptWhole is how much of a Pack a payload must be to keep all of it in memory.
const keptWhole = 4

// frameIn makes a frame of its own, up says that it comes from a connection. pack is how long the
// Pack is that body lies in.
func frameIn(body []byte, pack int) (*frame.Frame, error) {
	var h uint64
	var payload []byte
	err := fields(body, func(n protowire.Number, v uint64) {
		if n == frameHead {
			h = v
		}
	}, func(n protowire.Number, v []byte) {
		if n == framePayload {
			payload = v
		}
	})
	if err != nil {
		return nil, err
	}
	header := unhead(h)
	var f *frame.Frame
	if len(payload)*keptWhole >= pack && len(payload) > 1<<10 {
		f = &frame.Frame{Payload: payload}
	} else {
		f = frame.New(header.Opcode, len(payload))
		f.Payload = append(f.Payload, payload...)
	}
	f.Header, f.NoCompress = header, h&headNoCompress != 0
	f.Length = int64(len(payload))
	return f, nil
}

// decode returns what an Item stands for.
func decode(node string, i *item, pack int) (any, error) {
	switch i.kind {
	case kindFrame:
		return frameIn(i.body, pack)
	case kindTouch:
		return &actor.Touch{}, nil
	case kindTouched:
		m := new(wire.Touched)
		err := proto.Unmarshal(i.body, m)
		return &actor.Touched{Who: &actor.PID{Address: node, Id: string(m.Who)}}, err
	case kindClosed:
		m := new(wire.Closed)
		err := proto.Unmarshal(i.body, m)
		return closedIn(m), err
	case kindDisconnected:
		m := new(wire.Disconnected)
		err := proto.Unmarshal(i.body, m)
		return &sockets.Disconnected{Closed: closedIn(m.Closed), Err: errorIn(m.Err), Attempts: int(m.Attempts), RetryIn: time.Duration(m.RetryIn), Final: m.Final}, err
	case kindRoundTripTime:
		m := new(wire.RoundTripTime)
		err := proto.Unmarshal(i.body, m)
		return &pipeline.RoundTripTime{Duration: time.Duration(m.Nanoseconds), Payload: m.Payload}, err
	case kindBackpressure:
		m := new(wire.Waiting)
		err := proto.Unmarshal(i.body, m)
		return &pipeline.Backpressure{Waiting: int(m.Bytes)}, err
	case kindDrained:
		m := new(wire.Waiting)
		err := proto.Unmarshal(i.body, m)
		return &pipeline.Drained{Waiting: int(m.Bytes)}, err
	case kindDropped:
		m := new(wire.Dropped)
		err := proto.Unmarshal(i.body, m)
		return &pipeline.Dropped{Messages: int(m.Messages), Bytes: int(m.Bytes)}, err
	case kindLeave:
		m := new(wire.Close)
		err := proto.Unmarshal(i.body, m)
		return &pipeline.Leave{Code: frame.Code(m.Code), Reason: string(m.Reason)}, err
	case kindFail:
		m := new(wire.Close)
		err := proto.Unmarshal(i.body, m)
		return frame.Failure(frame.Code(m.Code), string(m.Reason)), err
	case kindOptions:
		m := new(wire.Options)
		err := proto.Unmarshal(i.body, m)
		return optionsIn(m), err
	case kindFlushed:
		m := new(wire.Error)
		if err := proto.Unmarshal(i.body, m); err != nil {
			return nil, err
		}
		if len(m.Text) == 0 {
			return &sockets.Flushed{}, nil
		}
		return &sockets.Flushed{Err: errorIn(m)}, nil
	case kindPlain:
		m := new(wire.Plain)
		if err := proto.Unmarshal(i.body, m); err != nil {
			return nil, err
		}
		return commandIn(m.Command)
	case kindAny:
		m := new(wire.Any)
		if err := proto.Unmarshal(i.body, m); err != nil {
			return nil, err
		}
		return anyIn(m)
	}
	return nil, fmt.Errorf("a message of kind %d: the other node has another version", i.kind)
}

func closedIn(m *wire.Closed) *pipeline.Closed {
	if m == nil {
		return nil
	}
	return &pipeline.Closed{Code: frame.Code(m.Code), Reason: string(m.Reason), Clean: m.Clean, By: pipeline.Side(m.By), Err: errorIn(m.Err)}
}

func commandIn(c wire.Command) (any, error) {
	switch c {
	case wire.Command_FLUSH:
		return &sockets.Flush{}, nil
	case wire.Command_PAUSE:
		return &pipeline.Pause{}, nil
	case wire.Command_RESUME:
		return &pipeline.Resume{}, nil
	case wire.Command_CUT:
		return &pipeline.Cut{}, nil
	}
	return nil, fmt.Errorf("command %d is not known", c)
}

// anyIn is a message of the program's. proto.actor's system messages have kinds of their own.
func anyIn(m *wire.Any) (any, error) {
	t, err := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName(m.Type))
	if err != nil {
		return nil, fmt.Errorf("a message of type %q, which this program does not have", m.Type)
	}
	v := t.New().Interface()
	if err := proto.Unmarshal(m.Value, v); err != nil {
		return nil, err
	}
	if _, system := v.(actor.SystemMessage); system {
		return nil, fmt.Errorf("a system message, %q, in place of a message", m.Type)
	}
	return v, nil
}

func valueIn(w *wire.Value) (any, error) {
	switch v := w.GetIs().(type) {
	case *wire.Value_Text:
		return string(v.Text), nil
	case *wire.Value_Data:
		return v.Data, nil
	case *wire.Value_Number:
		return int(v.Number), nil
	case *wire.Value_Yes:
		return v.Yes, nil
	case *wire.Value_Any:
		return anyIn(v.Any)
	}
	return nil, nil
}

// upgradedIn makes an Upgraded whose request's context is ctx.
func upgradedIn(body []byte, ctx context.Context) (*sockets.Upgraded, error) {
	var w wire.Upgraded
	if err := proto.Unmarshal(body, &w); err != nil {
		return nil, err
	}
	u := &sockets.Upgraded{Subprotocol: string(w.Subprotocol), Compressed: w.Compressed, Returns: int(w.Returns), Again: w.Again}
	for _, e := range w.Extensions {
		u.Extensions = append(u.Extensions, string(e))
	}
	if w.Request != nil {
		u.Request = requestIn(w.Request).WithContext(ctx)
	}
	if r := w.Response; r != nil {
		u.Response = &http.Response{StatusCode: int(r.Status), Status: fmt.Sprintf("%d %s", r.Status, http.StatusText(int(r.Status))),
			Proto: string(r.Proto), Header: headerIn(r.Header), Body: http.NoBody, Request: u.Request}
		u.Response.ProtoMajor, u.Response.ProtoMinor, _ = http.ParseHTTPVersion(u.Response.Proto)
	}
	var err error
	u.Value, err = valueIn(w.Value)
	return u, err
}

func requestIn(w *wire.Request) *http.Request {
	r := &http.Request{
		Method: string(w.Method), RequestURI: string(w.Uri), Proto: string(w.Proto), Host: string(w.Host),
		RemoteAddr: string(w.RemoteAddr), Pattern: string(w.Pattern), Header: headerIn(w.Header), Body: http.NoBody,
	}
	r.ProtoMajor, r.ProtoMinor, _ = http.ParseHTTPVersion(r.Proto)
	if len(w.Url) > 0 {
		r.URL, _ = url.Parse(string(w.Url))
	} else {
		r.URL, _ = url.ParseRequestURI(r.RequestURI)
	}
	if r.URL == nil {
		r.URL = new(url.URL)
	}
	for _, f := range w.PathValues {
		if len(f.Values) == 1 {
			r.SetPathValue(string(f.Name), string(f.Values[0]))
		}
	}
	if s := w.Tls; s != nil {
		r.TLS = &tls.ConnectionState{Version: uint16(s.Version), CipherSuite: uint16(s.CipherSuite), ServerName: string(s.ServerName),
			NegotiatedProtocol: string(s.Protocol), HandshakeComplete: true}
		for _, raw := range s.PeerCertificates {
			if c, err := x509.ParseCertificate(raw); err == nil {
				r.TLS.PeerCertificates = append(r.TLS.PeerCertificates, c)
			}
		}
	}
	return r
}

func headerIn(fields []*wire.Field) http.Header {
	h := make(http.Header, len(fields))
	for _, f := range fields {
		for _, v := range f.Values {
			h[string(f.Name)] = append(h[string(f.Name)], string(v))
		}
	}
	return h
}

func optionsIn(o *wire.Options) *sockets.SetOptions {
	return &sockets.SetOptions{
		MaxFrame: o.MaxFrame, MaxMessage: o.MaxMessage, MaxFragments: int(o.MaxFragments), MessageTime: time.Duration(o.MessageTime),
		ControlRate: int(o.ControlRate), PingInterval: time.Duration(o.PingInterval), PingTimeout: time.Duration(o.PingTimeout),
		MessageTimeout: time.Duration(o.MessageTimeout), CreditFrames: int(o.CreditFrames), CreditBytes: int(o.CreditBytes),
		CreditTimeout: time.Duration(o.CreditTimeout), MaxOut: int(o.MaxOut), SlowAfter: time.Duration(o.SlowAfter), MaxBurst: int(o.MaxBurst),
		HighWater: int(o.HighWater), LowWater: int(o.LowWater), WriteStall: time.Duration(o.WriteStall), CloseTimeout: time.Duration(o.CloseTimeout),
	}
}
