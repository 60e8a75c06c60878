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
	again                         bool     // a frame that goes where the one before it went
	header                        [][]byte // Fields
	kind                          protowire.Number
	body                          []byte
}

// parse reads an Item, and keeps b. One that is a frame and nothing else goes to where the Item before it went, and
// comes from there: that is how all but the first of a burst are sent.
func (i *item) parse(b []byte) error {
	if body := only(b, kindFrame); body != nil {
		i.kind, i.body, i.header, i.again = kindFrame, body, i.header[:0], true
		return nil
	}
	*i = item{header: i.header[:0]}
	for len(b) > 0 {
		number, v, value, rest, ok := consume(b)
		if !ok {
			return errMalformed
		}
		b = rest
		switch {
		case number >= kindFrame:
			i.kind, i.body = number, value
		case number == itemTarget:
			i.target = value
		case number == itemSender:
			i.sender = value
		case number == itemSenderAddress:
			i.senderAddress = value
		case number == itemTargetRequest:
			i.targetRequest = uint32(v)
		case number == itemSenderRequest:
			i.senderRequest = uint32(v)
		case number == itemUp:
			i.up = v != 0
		case number == itemHeader:
			i.header = append(i.header, value)
		}
	}
	return nil
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
