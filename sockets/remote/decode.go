package remote

import (
	"fmt"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/spindrift-go/spindrift/sockets"
	"github.com/spindrift-go/spindrift/sockets/remote/wire"
	"google.golang.org/protobuf/proto"
)

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
