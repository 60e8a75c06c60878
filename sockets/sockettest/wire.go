package sockettest

import (
	"encoding/binary"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/spindrift-go/spindrift/frame"
)

// This is RFC 6455 5.2 once more, as short as it gets: a judge does not ask whom it judges.

// wireFrame is a frame as it is on the wire.
type wireFrame struct {
	fin     bool
	rsv     byte // of the first byte, in its place
	opcode  frame.Opcode
	masked  bool
	payload []byte
}

const rsv1 = 0x40

// appendFrame encodes f, with a mask if it has one.
func appendFrame(b []byte, f wireFrame, key [4]byte) []byte {
	first := f.rsv | byte(f.opcode)
	if f.fin {
		first |= 0x80
	}
	mask := byte(0)
	if f.masked {
		mask = 0x80
	}
	b = append(b, first)
	switch n := len(f.payload); {
	case n < 126:
		b = append(b, mask|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, mask|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, mask|127), uint64(n))
	}
	if !f.masked {
		return append(b, f.payload...)
	}
	b = append(b, key[:]...)
	for i, x := range f.payload {
		b = append(b, x^key[i%4])
	}
	return b
}

// violation is what the other end must not have sent.
type violation string

func (v violation) Error() string { return string(v) }

// readFrame reads a frame of a client, or else of a server.
func readFrame(r io.Reader, ofClient bool) (f wireFrame, err error) {
	var head [8]byte
	if _, err := io.ReadFull(r, head[:1]); err != nil {
		return f, err // an end between two frames
	}
	f.fin, f.rsv, f.opcode = head[0]&0x80 != 0, head[0]&0x70, frame.Opcode(head[0]&0xf)
	if err := readFull(r, head[:1]); err != nil {
		return f, err
	}
	f.masked = head[0]&0x80 != 0
	size := uint64(head[0] & 0x7f)
	control := f.opcode >= 8
	switch short := size; {
	case short < 126:
	case control:
		return f, violation("a control frame of more than 125 bytes (RFC 6455 5.5)")
	case short == 126:
		if err := readFull(r, head[:2]); err != nil {
			return f, err
		}
		if size = uint64(binary.BigEndian.Uint16(head[:])); size < 126 {
			return f, violation("a length that is not in its shortest form (RFC 6455 5.2)")
		}
	default:
		if err := readFull(r, head[:]); err != nil {
			return f, err
		}
		if size = binary.BigEndian.Uint64(head[:]); size < 1<<16 || size > 1<<62 {
			return f, violation("a length that is not in its shortest form, or negative (RFC 6455 5.2)")
		}
	}
	switch {
	case f.opcode > frame.OpBinary && f.opcode < frame.OpClose || f.opcode > frame.OpPong:
		return f, violation(fmt.Sprintf("reserved opcode %d (RFC 6455 5.2)", f.opcode))
	case control && !f.fin:
		return f, violation("a control frame in fragments (RFC 6455 5.5)")
	case ofClient && !f.masked:
		return f, violation("a client's frame without a mask (RFC 6455 5.1)")
	case !ofClient && f.masked:
		return f, violation("a server's frame with a mask (RFC 6455 5.1)")
	}
	var key [4]byte
	if f.masked {
		if err := readFull(r, key[:]); err != nil {
			return f, err
		}
	}
	f.payload, err = io.ReadAll(io.LimitReader(r, int64(size))) // memory follows what comes
	if err == nil && uint64(len(f.payload)) < size {
		err = io.ErrUnexpectedEOF
	}
	for i := range f.payload {
		f.payload[i] ^= key[i%4]
	}
	return f, err
}

// readFull reads what must follow.
func readFull(r io.Reader, b []byte) error {
	_, err := io.ReadFull(r, b)
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// closeStatus reads the payload of a Close, RFC 6455 5.5.1 and 7.4.
func closeStatus(payload []byte) (code frame.Code, reason string, err error) {
	switch {
	case len(payload) == 0:
		return frame.NoStatus, "", nil
	case len(payload) == 1:
		return 0, "", violation("a Close with a payload of one byte (RFC 6455 5.5.1)")
	}
	code, reason = frame.Code(binary.BigEndian.Uint16(payload)), string(payload[2:])
	switch {
	case code < 1000 || code > 4999 || code == 1004 || code == 1005 || code == 1006 || code > 1014 && code < 3000:
		return code, reason, violation(fmt.Sprintf("a Close with code %d, which may not be sent (RFC 6455 7.4)", code))
	case !utf8.ValidString(reason):
		return code, reason, violation("a Close whose reason is not UTF-8 (RFC 6455 5.5.1)")
	}
	return code, reason, nil
}

func closePayload(code frame.Code, reason string) []byte {
	if code == 0 || code == frame.NoStatus {
		return nil
	}
	return append(binary.BigEndian.AppendUint16(nil, uint16(code)), reason...)
}
