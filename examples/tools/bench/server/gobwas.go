package main

import (
	"compress/flate"
	"errors"
	"io"
	"net"
	"net/http"
	"unicode/utf8"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsflate"
	"github.com/gobwas/ws/wsutil"
	"github.com/spindrift-go/spindrift/examples/tools/bench/serve"
)

func gobwasContenders() []serve.Contender {
	rows := []string{"echo", "deflate", "tls", "broadcast"}
	return []serve.Contender{
		{
			Name: "gobwas", Kind: "peer", About: "as in its README: UpgradeHTTP, wsutil.ReadClientData, WriteServerMessage",
			Room: "no: its chat example, 128 goroutines write to all members, each of whom they wait for 100 ms",
			UTF8: "on", Rows: rows, Serve: serveGobwas,
		},
		{
			Name: "gobwas-tuned", Kind: "peer", About: "zero-copy upgrade on the TCP connection, buffered reads, pooled messages, one write for each",
			Room: serve.Stalling, UTF8: "on, whole messages", Rows: rows, Serve: serveGobwasTuned,
		},
	}
}

var errNotUTF8 = errors.New("text is not UTF-8")

func serveGobwas(ln net.Listener, s serve.Setup) error {
	all := newGobwasChat()
	return serveHTTP(ln, s, serve.WebMux(func(w http.ResponseWriter, r *http.Request, broadcast bool) {
		agreed := wsflate.Extension{Parameters: wsflate.DefaultParameters}
		upgrader := ws.HTTPUpgrader{}
		if s.Deflate {
			upgrader.Negotiate = agreed.Negotiate
		}
		c, _, _, err := upgrader.Upgrade(r, w)
		if err != nil {
			return
		}
		echo := echoGobwas
		if _, ok := agreed.Accepted(); ok {
			echo = echoGobwasDeflate
		}
		go func() {
			defer c.Close()
			if broadcast {
				all.serve(c)
				return
			}
			for echo(c) == nil {
			}
		}()
	}))
}

func echoGobwas(c net.Conn) error {
	payload, op, err := wsutil.ReadClientData(c)
	if err != nil {
		return err
	}
	return wsutil.WriteServerMessage(c, op, payload)
}

var quickHelper = wsflate.Helper{
	Compressor: func(w io.Writer) wsflate.Compressor {
		f, err := flate.NewWriter(w, flate.BestSpeed)
		if err != nil {
			panic(err) // the level is a valid one
		}
		return f
	},
	Decompressor: func(r io.Reader) wsflate.Decompressor { return flate.NewReader(r) },
}

func echoGobwasDeflate(c net.Conn) error {
	header, err := ws.ReadHeader(c)
	if err != nil {
		return err
	}
	frame := ws.Frame{Header: header, Payload: make([]byte, header.Length)}
	if _, err := io.ReadFull(c, frame.Payload); err != nil {
		return err
	}
	frame = ws.UnmaskFrameInPlace(frame)
	if packed, err := wsflate.IsCompressed(header); err != nil {
		return err
	} else if packed {
		if frame, err = quickHelper.DecompressFrame(frame); err != nil {
			return err
		}
	}
	if frame.Header.OpCode == ws.OpText && !utf8.Valid(frame.Payload) {
		return errNotUTF8
	}
	answer, err := quickHelper.CompressFrame(ws.NewFrame(frame.Header.OpCode, true, frame.Payload))
	if err != nil {
		return err
	}
	return ws.WriteFrame(c, answer)
}
