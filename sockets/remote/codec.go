package remote

import (
	"bytes"

	"github.com/asynkron/protoactor-go/remote"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// codec is grpc's for protobuf, but for batches of one Pack, which are most of what crosses: their few bytes of
// envelope are written and read here, and the Pack is not copied into them and out again.
type codec struct{ encoding.CodecV2 }

func newCodec() codec { return codec{encoding.GetCodecV2("proto")} }

// The numbers of the fields of proto.actor's RemoteMessage, MessageBatch and MessageEnvelope, see its remote.proto.
const (
	remoteBatch    protowire.Number = 1
	batchTypeNames protowire.Number = 1
	batchEnvelopes protowire.Number = 3
	envelopeData   protowire.Number = 2
)

// packNames are the TypeNames of a batch that has Packs.
var packNames = protowire.AppendString(protowire.AppendTag(nil, batchTypeNames, protowire.BytesType), packType)

// packOut is a batch of one Pack, to be sent.
type packOut struct{ pack mem.Buffer }

// packIn is what the other node has sent.
type packIn struct {
	pack    []byte
	whole   *remote.RemoteMessage // in place of pack: it is no batch of one Pack
	own     bool                  // pack is nobody else's memory: what it brings may keep it
	held    mem.Buffer            // the memory of pack; nil: it is scratch, or its own
	scratch []byte
}

// Marshal makes codec an encoding.CodecV2.
func (c codec) Marshal(v any) (mem.BufferSlice, error) {
	o, ok := v.(packOut)
	if !ok {
		return c.CodecV2.Marshal(v)
	}
	n := o.pack.Len()
	envelope := 1 + protowire.SizeBytes(n)
	batch := len(packNames) + 1 + protowire.SizeBytes(envelope)
	b := make(mem.SliceBuffer, 0, len(packNames)+24)
	b = protowire.AppendVarint(protowire.AppendTag(b, remoteBatch, protowire.BytesType), uint64(batch))
	b = append(b, packNames...)
	b = protowire.AppendVarint(protowire.AppendTag(b, batchEnvelopes, protowire.BytesType), uint64(envelope))
	b = protowire.AppendVarint(protowire.AppendTag(b, envelopeData, protowire.BytesType), uint64(n))
	return mem.BufferSlice{b, o.pack}, nil
}

// Unmarshal makes codec an encoding.CodecV2.
func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	in, ok := v.(*packIn)
	if !ok {
		return c.CodecV2.Unmarshal(data, v)
	}
	in.own, in.whole = false, nil
	var b []byte
	switch n := data.Len(); {
	case len(data) == 1:
		in.held = data[0]
		in.held.Ref()
		b = in.held.ReadOnlyData()
	case n > packSize+packSize/4: // most of it is one message: see outbox.put
		in.own, b = true, data.Materialize()
	default:
		if cap(in.scratch) < n {
			in.scratch = make([]byte, max(n, 2*cap(in.scratch)))
		}
		b = in.scratch[:data.CopyTo(in.scratch[:n])]
	}
	if in.pack = onePack(b); in.pack == nil {
		in.whole = new(remote.RemoteMessage)
		return proto.Unmarshal(b, in.whole)
	}
	return nil
}

// free gives the memory of the last Pack back.
func (in *packIn) free() {
	if in.held != nil {
		in.held.Free()
	}
	in.held, in.pack, in.whole = nil, nil, nil
}

// onePack returns the Pack of a batch as Marshal writes it; nil: b is something else.
func onePack(b []byte) []byte {
	b = only(b, remoteBatch)
	if !bytes.HasPrefix(b, packNames) {
		return nil
	}
	return only(only(b[len(packNames):], batchEnvelopes), envelopeData)
}

// only returns the value of a message's only field, if that has this number.
func only(b []byte, number protowire.Number) []byte {
	n, _, value, rest, ok := consume(b)
	if !ok || n != number || len(rest) > 0 {
		return nil
	}
	return value
}
