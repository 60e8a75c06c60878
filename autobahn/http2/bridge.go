package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"

	"github.com/spindrift-go/spindrift/internal/http2client"
	"github.com/spindrift-go/spindrift/sockets"
	"golang.org/x/net/http2"
)

// carry carries one WebSocket, and its end, in both directions.
func carry(conn *http2client.Conn, nc *net.TCPConn) error {
	defer nc.Close()
	in := bufio.NewReader(nc)
	r, err := http.ReadRequest(in)
	if err != nil {
		return nil // somebody looks whether we listen
	}
	s, err := open(conn, r)
	if err != nil {
		return err
	}
	defer s.Forget()
	status, header, err := s.Answer()
	if err != nil || status != "200" {
		return fmt.Errorf("%s is answered with %s: %w", r.URL, status, err)
	}
	header.Set("Upgrade", "websocket")
	header.Set("Connection", "Upgrade")
	header.Set("Sec-Websocket-Accept", sockets.AcceptKey(r.Header.Get("Sec-Websocket-Key")))
	io.WriteString(nc, "HTTP/1.1 101 Switching Protocols\r\n")
	header.Write(nc)
	io.WriteString(nc, "\r\n")

	done := make(chan struct{})
	go func() {
		defer close(done)
		if _, err := io.Copy(nc, s); err != nil { // reset
			nc.SetLinger(0)
			nc.Close()
			return
		}
		nc.CloseWrite()
	}()
	if _, err := io.Copy(s, in); err != nil {
		s.Reset(http2.ErrCodeCancel)
	} else {
		s.CloseWrite()
	}
	<-done
	return nil
}

// open asks for the stream that r is carried over.
func open(conn *http2client.Conn, r *http.Request) (*http2client.Stream, error) {
	var fields []string
	for _, name := range []string{"sec-websocket-extensions", "sec-websocket-protocol"} {
		for _, v := range r.Header.Values(name) {
			fields = append(fields, name, v)
		}
	}
	return conn.Connect(r.URL.RequestURI(), fields...)
}
