package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// A wire is what passed between the two ends of one WebSocket, read by a decoder
// that is neither's: it shows what no end tells, such as fragments and RSV1.
type wire struct {
	request     *http.Request
	response    *http.Response
	up, down    []wireFrame // from the client, from the server
	oursIsFirst bool        // up is ours
}

type wireFrame struct {
	fin, rsv1, masked bool
	opcode            byte
	payload           []byte // unmasked
}

// The opcodes of RFC 6455 5.2 that the cases look for.
const (
	opContinuation = 0
	opClose        = 8
	opPing         = 9
	opPong         = 10
)

// readWire reads the bytes of both directions of a plain connection.
func readWire(up, down []byte, oursIsFirst bool) (*wire, error) {
	w := &wire{oursIsFirst: oursIsFirst}
	var err error
	client, server := bufio.NewReader(bytes.NewReader(up)), bufio.NewReader(bytes.NewReader(down))
	if w.request, err = http.ReadRequest(client); err != nil {
		return nil, fmt.Errorf("wire: request: %w", err)
	}
	if w.response, err = http.ReadResponse(server, w.request); err != nil {
		return nil, fmt.Errorf("wire: response: %w", err)
	}
	if w.up, err = readFrames(client); err != nil {
		return nil, fmt.Errorf("wire: from the client: %w", err)
	}
	if w.down, err = readFrames(server); err != nil {
		return nil, fmt.Errorf("wire: from the server: %w", err)
	}
	return w, nil
}

func readFrames(r io.Reader) (all []wireFrame, err error) {
	for {
		f, err := readFrame(r)
		switch {
		case err == io.EOF:
			return all, nil
		case err != nil:
			return all, fmt.Errorf("frame %d: %w", len(all), err)
		}
		all = append(all, f)
	}
}

func readFrame(r io.Reader) (f wireFrame, err error) {
	var b [8]byte
	if _, err = io.ReadFull(r, b[:2]); err != nil {
		return f, err
	}
	f.fin, f.rsv1, f.opcode, f.masked = b[0]&0x80 != 0, b[0]&0x40 != 0, b[0]&0x0f, b[1]&0x80 != 0
	if b[0]&0x30 != 0 {
		return f, errors.New("RSV2 or RSV3 is set")
	}
	size := uint64(b[1] & 0x7f)
	if wide := map[uint64]int{126: 2, 127: 8}[size]; wide > 0 {
		b = [8]byte{}
		if _, err = io.ReadFull(r, b[8-wide:]); err != nil {
			return f, inside(err)
		}
		size = binary.BigEndian.Uint64(b[:])
	}
	var key [4]byte
	if f.masked {
		if _, err = io.ReadFull(r, key[:]); err != nil {
			return f, inside(err)
		}
	}
	if size > tapLimit {
		return f, fmt.Errorf("a length of %d", size)
	}
	f.payload = make([]byte, size)
	if _, err = io.ReadFull(r, f.payload); err != nil {
		return f, inside(err)
	}
	for i := range f.payload {
		f.payload[i] ^= key[i%4]
	}
	return f, nil
}

// inside makes an end of the bytes in mid-frame an error.
func inside(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// check is what every WebSocket that ended well has to show.
func (w *wire) check() error {
	for _, dir := range []struct {
		name   string
		frames []wireFrame
		masked bool
	}{{"client", w.up, true}, {"server", w.down, false}} {
		for i, f := range dir.frames {
			last := i == len(dir.frames)-1
			switch {
			case f.masked != dir.masked:
				return fmt.Errorf("wire: frame %d of the %s: masked is %v", i, dir.name, f.masked)
			case f.opcode == opClose && !last:
				return fmt.Errorf("wire: the %s sent a frame after its Close", dir.name)
			case f.opcode != opClose && last:
				return fmt.Errorf("wire: the last frame of the %s is no Close", dir.name)
			}
		}
		if len(dir.frames) == 0 {
			return fmt.Errorf("wire: the %s sent no frame", dir.name)
		}
	}
	return nil
}

func (w *wire) ours() []wireFrame {
	if w.oursIsFirst {
		return w.up
	}
	return w.down
}

func (w *wire) theirs() []wireFrame {
	if w.oursIsFirst {
		return w.down
	}
	return w.up
}

// agreed is the extensions of the response, "" if none.
func (w *wire) agreed() string { return w.response.Header.Get("Sec-WebSocket-Extensions") }

// A wireMessage is the frames of one message, put together.
type wireMessage struct {
	frames     int
	compressed bool
	size       int // on the wire
}

// messages puts data frames together.
func messages(frames []wireFrame) (all []wireMessage) {
	for _, f := range frames {
		if f.opcode >= opClose {
			continue
		}
		if f.opcode != opContinuation {
			all = append(all, wireMessage{compressed: f.rsv1})
		}
		m := &all[len(all)-1]
		m.frames++
		m.size += len(f.payload)
	}
	return all
}

// control returns the payloads of the control frames of a kind.
func control(frames []wireFrame, opcode byte) (payloads []string) {
	for _, f := range frames {
		if f.opcode == opcode {
			payloads = append(payloads, string(f.payload))
		}
	}
	return payloads
}
