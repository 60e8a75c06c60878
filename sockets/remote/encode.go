package remote

import (
	"fmt"
	"reflect"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/spindrift-go/spindrift/sockets"
	"github.com/spindrift-go/spindrift/sockets/remote/wire"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

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
	if f, ok := message.(*frame.Frame); ok && f != nil {
		return kindFrame, nil, nil
	}
	if v := reflect.ValueOf(message); v.Kind() == reflect.Pointer && v.IsNil() {
		return 0, nil, &uncrossable{message, "it is nil"}
	}
	var m proto.Message
	switch v := message.(type) {
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
