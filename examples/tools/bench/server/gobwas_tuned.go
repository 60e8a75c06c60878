package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"sync"
	"unicode/utf8"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsflate"
	"github.com/gobwas/ws/wsutil"
	"github.com/spindrift-go/spindrift/examples/tools/bench/serve"
)

func serveGobwasTuned(ln net.Listener, s serve.Setup) error {
	var all serve.Room[net.Conn]
	for {
		c, err := ln.Accept()
		if err != nil {
			return err
		}
		if s.TLS != nil {
			c = tls.Server(c, s.TLS)
		}
		go func() {
			defer c.Close()
			g := gobwasConn{conn: c}
			broadcast, err := g.upgrade(s.Deflate)
			if err != nil {
				return
			}
			if broadcast {
				all.Join(c)
				defer all.Leave(c)
				g.all = &all
			}
			g.serve()
		}()
	}
}

type gobwasConn struct {
	conn   net.Conn
	packed bool                  // permessage-deflate was agreed
	all    *serve.Room[net.Conn] // nil unless on /broadcast
}

func (g *gobwasConn) upgrade(deflate bool) (broadcast bool, err error) {
	agreed := wsflate.Extension{Parameters: wsflate.DefaultParameters}
	upgrader := ws.Upgrader{OnRequest: func(uri []byte) error {
		broadcast = string(uri) == "/broadcast"
		return nil
	}}
	if deflate {
		upgrader.Negotiate = agreed.Negotiate
	}
	_, err = upgrader.Upgrade(g.conn)
	_, g.packed = agreed.Accepted()
	return broadcast, err
}

// headerRoom is left in front of a message's payload, so that its frame can be written as one slice.
const headerRoom = 10

func (g *gobwasConn) serve() {
	control := wsutil.ControlFrameHandler(g.conn, ws.StateServerSide)
	reader := wsutil.Reader{
		Source: bufio.NewReaderSize(g.conn, 4096), State: ws.StateServerSide, OnIntermediate: control,
	}
	var compression wsflate.MessageState
	if g.packed {
		reader.State |= ws.StateExtended
		reader.Extensions = []wsutil.RecvExtension{&compression}
	}
	for {
		header, err := reader.NextFrame()
		if err == nil && header.OpCode.IsControl() {
			if err = control(header, &reader); err == nil {
				continue
			}
		}
		if err != nil {
			return
		}
		if err := g.answer(header.OpCode, &reader, compression.IsCompressed()); err != nil {
			return
		}
	}
}

func (g *gobwasConn) answer(op ws.OpCode, from io.Reader, packed bool) error {
	message := messages.Get().(*bytes.Buffer)
	defer messages.Put(message)
	message.Reset()
	message.Write(make([]byte, headerRoom))
	if packed {
		inflater := inflaters.Get().(*wsflate.Reader)
		defer inflaters.Put(inflater)
		inflater.Reset(from)
		from = inflater
	}
	if _, err := message.ReadFrom(from); err != nil {
		return err
	}
	// One check of the whole message costs far less than the reader's CheckUTF8, which looks at each byte as it passes.
	if op == ws.OpText && !utf8.Valid(message.Bytes()[headerRoom:]) {
		return errNotUTF8
	}
	if !g.packed {
		return g.write(op, 0, message.Bytes())
	}
	squeezed := messages.Get().(*bytes.Buffer)
	defer messages.Put(squeezed)
	squeezed.Reset()
	squeezed.Write(make([]byte, headerRoom))
	deflater := deflaters.Get().(*wsflate.Writer)
	defer deflaters.Put(deflater)
	deflater.Reset(squeezed)
	if _, err := deflater.Write(message.Bytes()[headerRoom:]); err != nil {
		return err
	}
	if err := deflater.Flush(); err != nil {
		return err
	}
	return g.write(op, ws.Rsv(true, false, false), squeezed.Bytes())
}

// write puts the header right in front of the payload, which begins at headerRoom.
func (g *gobwasConn) write(op ws.OpCode, rsv byte, b []byte) error {
	var header bytes.Buffer
	if err := ws.WriteHeader(&header, ws.Header{Fin: true, Rsv: rsv, OpCode: op, Length: int64(len(b) - headerRoom)}); err != nil {
		return err
	}
	frame := b[headerRoom-header.Len():]
	copy(frame, header.Bytes())
	if g.all != nil {
		g.all.Each(func(c net.Conn) error { _, err := c.Write(frame); return err })
		return nil
	}
	_, err := g.conn.Write(frame)
	return err
}

var (
	inflaters = sync.Pool{New: func() any { return wsflate.NewReader(nil, quickHelper.Decompressor) }}
	deflaters = sync.Pool{New: func() any { return wsflate.NewWriter(nil, quickHelper.Compressor) }}
)
