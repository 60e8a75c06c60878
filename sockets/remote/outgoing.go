package remote

import (
	"github.com/spindrift-go/spindrift/frame"
	"google.golang.org/protobuf/encoding/protowire"
)

// address is to whom an Item goes, and from whom.
type address struct {
	target, sender, senderAddress string
	targetRequest, senderRequest  uint32
	up                            bool
}

func addressOf(target string) address { return address{target: target} }

// outgoing is an Item to be.
type outgoing struct {
	address
	header []byte // encoded fields
	kind   protowire.Number
	body   []byte
	frame  *frame.Frame // in place of body
}

func sizeString(s string) int {
	if s == "" {
		return 0
	}
	return 1 + protowire.SizeBytes(len(s))
}

func sizeNumber(v uint32) int {
	if v == 0 {
		return 0
	}
	return 1 + protowire.SizeVarint(uint64(v))
}

func (o *outgoing) bodySize() int {
	if o.frame == nil {
		return len(o.body)
	}
	n := 1 + protowire.SizeVarint(head(o.frame))
	if len(o.frame.Payload) > 0 {
		n += 1 + protowire.SizeBytes(len(o.frame.Payload))
	}
	return n
}

// size is of the Item without its tag and length.
func (o *outgoing) size(body int) int {
	n := sizeString(o.target) + sizeString(o.sender) + sizeString(o.senderAddress) + sizeNumber(o.targetRequest) + sizeNumber(o.senderRequest)
	if o.up {
		n += 2
	}
	return n + len(o.header) + protowire.SizeTag(o.kind) + protowire.SizeBytes(body)
}

// appendVarint appends a number; most have one byte.
func appendVarint(b []byte, v uint64) []byte {
	if v < 0x80 {
		return append(b, byte(v))
	}
	return protowire.AppendVarint(b, v)
}

func appendString(b []byte, number protowire.Number, s string) []byte {
	if s == "" {
		return b
	}
	return append(appendVarint(appendVarint(b, protowire.EncodeTag(number, protowire.BytesType)), uint64(len(s))), s...)
}

func appendNumber(b []byte, number protowire.Number, v uint64) []byte {
	if v == 0 {
		return b
	}
	return appendVarint(appendVarint(b, protowire.EncodeTag(number, protowire.VarintType)), v)
}

// follows reports whether the Item can go without its address, for that is the one before's.
func (o *outgoing) follows(before *address) bool {
	return o.frame != nil && o.header == nil && o.target != "" && o.address == *before
}

// appendAgain appends an Item that follows.
func (o *outgoing) appendAgain(b []byte) []byte {
	body := o.bodySize()
	b = appendVarint(b, protowire.EncodeTag(packItems, protowire.BytesType))
	b = appendVarint(b, uint64(protowire.SizeTag(kindFrame)+protowire.SizeBytes(body)))
	return o.appendBody(b, body)
}

func (o *outgoing) append(b []byte) []byte {
	body := o.bodySize()
	b = appendVarint(b, protowire.EncodeTag(packItems, protowire.BytesType))
	b = appendVarint(b, uint64(o.size(body)))
	b = appendString(b, itemTarget, o.target)
	b = appendString(b, itemSender, o.sender)
	b = appendString(b, itemSenderAddress, o.senderAddress)
	b = appendNumber(b, itemTargetRequest, uint64(o.targetRequest))
	b = appendNumber(b, itemSenderRequest, uint64(o.senderRequest))
	if o.up {
		b = appendNumber(b, itemUp, 1)
	}
	return o.appendBody(append(b, o.header...), body)
}

func (o *outgoing) appendBody(b []byte, body int) []byte {
	b = appendVarint(b, protowire.EncodeTag(o.kind, protowire.BytesType))
	b = appendVarint(b, uint64(body))
	if o.frame == nil {
		return append(b, o.body...)
	}
	b = appendVarint(b, protowire.EncodeTag(frameHead, protowire.VarintType))
	b = appendVarint(b, head(o.frame))
	if p := o.frame.Payload; len(p) > 0 {
		b = appendVarint(b, protowire.EncodeTag(framePayload, protowire.BytesType))
		b = append(appendVarint(b, uint64(len(p))), p...)
	}
	return b
}
