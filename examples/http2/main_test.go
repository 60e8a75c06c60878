package main

import (
	"fmt"
	"net"
	"time"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/internal/http2client"
)

func Example() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	s := server("")
	go s.Serve(l)
	defer s.Close()
	c, err := http2client.Dial(l.Addr().String(), nil, 10*time.Second)
	if err != nil {
		panic(err)
	}
	defer c.Close()
	stream, err := c.WebSocket("/echo")
	if err != nil {
		panic(err)
	}
	buf := make([]byte, 100)
	n, _ := stream.Read(buf)
	var f frame.Frame
	(&frame.Decoder{FromServer: true}).Next(buf[:n], &f)
	fmt.Println(f.String())
	// Output: this came over HTTP/2.0
}
