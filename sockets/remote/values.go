package remote

import (
	"fmt"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/sockets/remote/wire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

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
