package load

import (
	"encoding/binary"
	"fmt"
	"io"
)

// readMessage reads one whole message of a server, and returns its payload as it came and whether that is compressed.
func readMessage(r io.Reader) (payload []byte, packed bool, err error) {
	for {
		var h [10]byte
		if _, err := io.ReadFull(r, h[:2]); err != nil {
			return nil, false, err
		}
		size := headerSize(h[1])
		if _, err := io.ReadFull(r, h[2:size]); err != nil {
			return nil, false, err
		}
		length := int64(h[1] & 0x7f)
		switch size {
		case 4:
			length = int64(binary.BigEndian.Uint16(h[2:]))
		case 10:
			length = int64(binary.BigEndian.Uint64(h[2:]))
		}
		body, err := io.ReadAll(io.LimitReader(r, length))
		if err == nil && int64(len(body)) < length {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, false, err
		}
		switch op := h[0] & 0x0f; op {
		case Text, Binary, opContinuation:
			packed = packed || h[0]&bitCompressed != 0
			payload = append(payload, body...)
			if h[0]&bitFin != 0 {
				return payload, packed, nil
			}
		case opClose:
			return nil, false, fmt.Errorf("a Close frame, %q", body)
		}
	}
}
