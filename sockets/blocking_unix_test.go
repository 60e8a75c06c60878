//go:build unix

package sockets_test

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets"
)

// A ConnContext that makes a socket block, as Fd on a File of it does, delays neither the upgrade nor the connection.
func TestConnContextThatBlocks(t *testing.T) {
	echo := actor.PropsFromFunc(func(ctx actor.Context) {
		if f, ok := ctx.Message().(*frame.Frame); ok {
			ctx.Respond(f)
		}
	})
	for name, portable := range map[string]bool{"polled": false, "portable": true} {
		t.Run(name, func(t *testing.T) {
			system := sockets.NewSystem()
			upgrade := &sockets.Handler{System: system, Spawn: echo, Options: &sockets.Options{Portable: portable}}
			server := &sockets.Server{System: system, Server: http.Server{
				Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					time.Sleep(50 * time.Millisecond) // so that net/http waits in a read for the client to leave, which a Hijack must end
					upgrade.ServeHTTP(w, r)
				}),
				ErrorLog: log.New(io.Discard, "", 0),
				ConnContext: func(ctx context.Context, c net.Conn) context.Context {
					f, err := c.(*net.TCPConn).File()
					if err == nil {
						unix.SetNonblock(int(f.Fd()), false)
						f.Close()
					}
					return ctx
				},
			}}
			l, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			go server.Serve(l)
			defer server.Close()
			nc, err := net.Dial("tcp", l.Addr().String())
			require.NoError(t, err)
			defer nc.Close()
			nc.SetDeadline(time.Now().Add(10 * time.Second))
			io.WriteString(nc, "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"+
				"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
			buf := make([]byte, 4<<10) // the 101
			_, err = nc.Read(buf)
			require.NoError(t, err)
			for range 3 {
				nc.Write(frame.AppendMasked(nil, frame.Text("hello"), [4]byte{1, 2, 3, 4}))
				n, err := io.ReadFull(nc, buf[:7])
				require.NoError(t, err)
				require.Equal(t, "\x81\x05hello", string(buf[:n]))
			}
		})
	}
}
