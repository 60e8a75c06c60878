package http2client

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"

	"golang.org/x/net/http2"
)

// Carry takes the handshake of a client that speaks HTTP/1.1 from nc, and carries its WebSocket, and how that ends, over a stream of
// the connection, in both directions. It closes nc.
func (c *Conn) Carry(nc *net.TCPConn) error {
	defer nc.Close()
	in := bufio.NewReader(nc)
	r, err := http.ReadRequest(in)
	if err != nil {
		return nil // somebody looks whether we listen
	}
	var fields []string
	for _, name := range []string{"sec-websocket-extensions", "sec-websocket-protocol"} {
		for _, v := range r.Header.Values(name) {
			fields = append(fields, name, v)
		}
	}
	s, err := c.Connect(r.URL.RequestURI(), fields...)
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
	header.Set("Sec-Websocket-Accept", accept(r.Header.Get("Sec-Websocket-Key")))
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

// accept is the answer to a key, RFC 6455 4.2.2.
func accept(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}
