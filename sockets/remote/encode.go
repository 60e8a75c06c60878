package remote

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/spindrift-go/spindrift/sockets"
	"github.com/spindrift-go/spindrift/sockets/remote/wire"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// The numbers of the fields of an Item, see wire.proto.
const (
	itemTarget        protowire.Number = 1
	itemSender        protowire.Number = 2
	itemSenderAddress protowire.Number = 3
	itemTargetRequest protowire.Number = 4
	itemSenderRequest protowire.Number = 5
	itemUp            protowire.Number = 6
	itemHeader        protowire.Number = 7

	kindFrame           protowire.Number = 16
	kindTouch           protowire.Number = 17
	kindTouched         protowire.Number = 18
	kindUpgraded        protowire.Number = 19
	kindClosed          protowire.Number = 20
	kindRoundTripTime   protowire.Number = 21
	kindBackpressure    protowire.Number = 22
	kindDrained         protowire.Number = 23
	kindDropped         protowire.Number = 24
	kindLeave           protowire.Number = 25
	kindFail            protowire.Number = 26
	kindOptions         protowire.Number = 27
	kindPlain           protowire.Number = 28
	kindFlushed         protowire.Number = 29
	kindAny             protowire.Number = 30
	kindDisconnected    protowire.Number = 31
	kindWatch           protowire.Number = 40
	kindUnwatch         protowire.Number = 41
	kindTerminated      protowire.Number = 42
	kindStop            protowire.Number = 43
	kindHandlerGone     protowire.Number = 44
	kindHandlerPanicked protowire.Number = 45
	kindLeaving         protowire.Number = 46
	kindBye             protowire.Number = 47
)

// The fields of a Pack and of a Frame.
const (
	packPing  protowire.Number = 1
	packPong  protowire.Number = 2
	packItems protowire.Number = 3

	frameHead    protowire.Number = 1
	framePayload protowire.Number = 2

	headFin        = 1 << 4
	headNoCompress = 1 << 5
	headRSV        = 2 // bits to the left: RSV1 to RSV3 are 0x40 to 0x10
)

// head packs what is to be known of a frame besides its payload.
func head(f *frame.Frame) uint64 {
	h := uint64(f.Opcode&15) | uint64(f.RSV&0x70)<<headRSV
	if f.Fin {
		h |= headFin
	}
	if f.NoCompress {
		h |= headNoCompress
	}
	return h
}

func unhead(h uint64) frame.Header {
	return frame.Header{Fin: h&headFin != 0, Opcode: frame.Opcode(h & 15), RSV: byte(h>>headRSV) & 0x70}
}

// uncrossable is what cannot be sent to another node.
type uncrossable struct {
	message any
	why     string
}

func (e *uncrossable) Error() string {
	return fmt.Sprintf("remote: a %T cannot be sent to another node: %s", e.message, e.why)
}

// encode returns the body of an Item for message, but for a frame's, which is appended where it goes.
func encode(message any) (kind protowire.Number, body []byte, err error) {
	var m proto.Message
	switch v := message.(type) {
	case *frame.Frame:
		return kindFrame, nil, nil
	case *actor.Touch:
		return kindTouch, nil, nil
	case *actor.Touched:
		kind, m = kindTouched, &wire.Touched{Who: []byte(v.Who.GetId())}
	case *sockets.Upgraded:
		w, err := upgradedOut(v)
		if err != nil {
			return 0, nil, err
		}
		kind, m = kindUpgraded, w
	case *pipeline.Closed:
		kind, m = kindClosed, closedOut(v)
	case *sockets.Disconnected:
		kind, m = kindDisconnected, &wire.Disconnected{Closed: closedOut(v.Closed), Err: errorOut(v.Err), Attempts: int64(v.Attempts), RetryIn: int64(v.RetryIn), Final: v.Final}
	case *pipeline.RoundTripTime:
		kind, m = kindRoundTripTime, &wire.RoundTripTime{Nanoseconds: int64(v.Duration), Payload: v.Payload}
	case *pipeline.Backpressure:
		kind, m = kindBackpressure, &wire.Waiting{Bytes: int64(v.Waiting)}
	case *pipeline.Drained:
		kind, m = kindDrained, &wire.Waiting{Bytes: int64(v.Waiting)}
	case *pipeline.Dropped:
		kind, m = kindDropped, &wire.Dropped{Messages: int64(v.Messages), Bytes: int64(v.Bytes)}
	case *pipeline.Leave:
		kind, m = kindLeave, &wire.Close{Code: uint32(v.Code), Reason: []byte(v.Reason)}
	case *frame.Error:
		kind, m = kindFail, &wire.Close{Code: uint32(v.Code), Reason: []byte(v.Reason)}
	case *sockets.SetOptions:
		kind, m = kindOptions, optionsOut(v)
	case *sockets.Flush:
		kind, m = kindPlain, &wire.Plain{Command: wire.Command_FLUSH}
	case *pipeline.Pause:
		kind, m = kindPlain, &wire.Plain{Command: wire.Command_PAUSE}
	case *pipeline.Resume:
		kind, m = kindPlain, &wire.Plain{Command: wire.Command_RESUME}
	case *pipeline.Cut:
		kind, m = kindPlain, &wire.Plain{Command: wire.Command_CUT}
	case *sockets.Flushed:
		w := errorOut(v.Err)
		if w == nil {
			w = &wire.Error{}
		}
		kind, m = kindFlushed, w
	case *sockets.Message:
		return 0, nil, &uncrossable{message, "what streams cannot cross: leave Options.StreamOver 0"}
	case *sockets.SetStages:
		return 0, nil, &uncrossable{message, "stages are functions: send it on the connection's node"}
	case proto.Message:
		w, err := anyOut(v)
		if err != nil {
			return 0, nil, err
		}
		kind, m = kindAny, w
	default:
		return 0, nil, &uncrossable{message, "it is neither of package sockets nor a protobuf message"}
	}
	body, err = proto.Marshal(m)
	if err != nil {
		return 0, nil, &uncrossable{message, err.Error()}
	}
	return kind, body, nil
}

func closedOut(c *pipeline.Closed) *wire.Closed {
	if c == nil {
		return nil
	}
	return &wire.Closed{Code: uint32(c.Code), Reason: []byte(c.Reason), Clean: c.Clean, By: uint32(c.By), Err: errorOut(c.Err)}
}

func anyOut(m proto.Message) (*wire.Any, error) {
	value, err := proto.Marshal(m)
	if err != nil {
		return nil, &uncrossable{m, err.Error()}
	}
	return &wire.Any{Type: []byte(m.ProtoReflect().Descriptor().FullName()), Value: value}, nil
}

// valueOut is an Upgraded's Value; nil: there is none.
func valueOut(value any) (*wire.Value, error) {
	switch v := value.(type) {
	case nil:
		return nil, nil
	case string:
		return &wire.Value{Is: &wire.Value_Text{Text: []byte(v)}}, nil
	case []byte:
		return &wire.Value{Is: &wire.Value_Data{Data: v}}, nil
	case int:
		return &wire.Value{Is: &wire.Value_Number{Number: int64(v)}}, nil
	case bool:
		return &wire.Value{Is: &wire.Value_Yes{Yes: v}}, nil
	case proto.Message:
		w, err := anyOut(v)
		return &wire.Value{Is: &wire.Value_Any{Any: w}}, err
	}
	return nil, &uncrossable{value, "an UpgradeServer.Value for another node is a string, []byte, int, bool or protobuf message"}
}

func upgradedOut(u *sockets.Upgraded) (*wire.Upgraded, error) {
	w := &wire.Upgraded{Subprotocol: []byte(u.Subprotocol), Compressed: u.Compressed, Returns: uint32(u.Returns), Again: u.Again}
	for _, e := range u.Extensions {
		w.Extensions = append(w.Extensions, []byte(e))
	}
	if r := u.Request; r != nil {
		w.Request = requestOut(r)
	}
	if r := u.Response; r != nil {
		w.Response = &wire.Response{Status: uint32(r.StatusCode), Proto: []byte(r.Proto), Header: headerOut(r.Header)}
	}
	var err error
	w.Value, err = valueOut(u.Value)
	return w, err
}

func requestOut(r *http.Request) *wire.Request {
	w := &wire.Request{
		Method: []byte(r.Method), Uri: []byte(r.RequestURI), Proto: []byte(r.Proto), Host: []byte(r.Host),
		RemoteAddr: []byte(r.RemoteAddr), Pattern: []byte(r.Pattern), Header: headerOut(r.Header),
	}
	if r.URL != nil && r.URL.String() != r.RequestURI {
		w.Url = []byte(r.URL.String())
	}
	for _, m := range wildcard.FindAllStringSubmatch(r.Pattern, -1) {
		name := strings.TrimSuffix(m[1], "...")
		w.PathValues = append(w.PathValues, &wire.Field{Name: []byte(name), Values: [][]byte{[]byte(r.PathValue(name))}})
	}
	if s := r.TLS; s != nil {
		w.Tls = &wire.TLS{Version: uint32(s.Version), CipherSuite: uint32(s.CipherSuite), ServerName: []byte(s.ServerName), Protocol: []byte(s.NegotiatedProtocol)}
		for _, c := range s.PeerCertificates {
			w.Tls.PeerCertificates = append(w.Tls.PeerCertificates, c.Raw)
		}
	}
	return w
}

// wildcard finds the names in a pattern of http.ServeMux.
var wildcard = regexp.MustCompile(`\{([\pL_][\pL\pN_]*(?:\.\.\.)?)\}`)

func headerOut(h http.Header) (fields []*wire.Field) {
	for name, values := range h {
		f := &wire.Field{Name: []byte(name)}
		for _, v := range values {
			f.Values = append(f.Values, []byte(v))
		}
		fields = append(fields, f)
	}
	return fields
}

func optionsOut(o *sockets.SetOptions) *wire.Options {
	return &wire.Options{
		MaxFrame: o.MaxFrame, MaxMessage: o.MaxMessage, MaxFragments: int64(o.MaxFragments), MessageTime: int64(o.MessageTime),
		ControlRate: int64(o.ControlRate), PingInterval: int64(o.PingInterval), PingTimeout: int64(o.PingTimeout),
		MessageTimeout: int64(o.MessageTimeout), CreditFrames: int64(o.CreditFrames), CreditBytes: int64(o.CreditBytes),
		CreditTimeout: int64(o.CreditTimeout), MaxOut: int64(o.MaxOut), SlowAfter: int64(o.SlowAfter), MaxBurst: int64(o.MaxBurst),
		HighWater: int64(o.HighWater), LowWater: int64(o.LowWater), WriteStall: int64(o.WriteStall), CloseTimeout: int64(o.CloseTimeout),
	}
}
