package remote

import (
	"errors"

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
