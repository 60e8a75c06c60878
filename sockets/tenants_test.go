package sockets

import (
	"runtime"
	"strings"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/stretchr/testify/require"
)

// A handler that locks its goroutine to a thread, and never unlocks it, harms nobody: not
// even who is in the middle of a compressed message.
func TestHandlerLocksItsThread(t *testing.T) {
	everywhere(t, func(w *world) {
		locker := w.spawned(func(ctx actor.Context) {
			if _, ok := ctx.Message().(*frame.Frame); ok {
				runtime.LockOSThread()
			}
		}, echo)
		quiet := w.spawned(echo)
		bad := w.upgrade(w.websocket(&UpgradeServer{Spawn: locker.props}))
		addr := w.websocket(&UpgradeServer{Spawn: quiet.props, Options: &Options{Compression: &pipeline.Compression{Threshold: 1 << 20}}})
		good := w.dial(addr)
		good.send(handshake(addr, "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover"))
		good.answer("GET")
		lock := func() {
			bad.send(masked(frame.Text("lock")))
			require.Equal(w, "lock", bad.frame().String())
		}
		// RFC 7692 7.2.3.5: "Hello" in two blocks, here in two frames.
		first := frame.Fragment(frame.OpText, false, []byte("\xf2\x48\x05\x00\x00\x00\xff\xff"))
		first.RSV = frame.RSV1
		second := frame.Fragment(frame.OpContinuation, true, []byte("\xca\xc9\xc9\x07\x00"))
		for range 20 {
			good.send(masked(first))
			lock()
			good.send(masked(frame.Ping(nil)))
			require.Equal(w, frame.OpPong, good.frame().Opcode) // the piece was taken up
			lock()
			good.send(masked(second))
			require.Equal(w, "Hello", strings.ToValidUTF8(good.frame().String(), "?"))
		}
		for _, p := range []*peer{bad, good} {
			p.send(masked(frame.Close(frame.Normal, "")))
			p.closes(frame.Normal)
			p.Close()
		}
	})
}
