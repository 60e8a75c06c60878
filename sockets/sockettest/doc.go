// Package sockettest is a test kit for programs that speak WebSocket: in memory, without a port,
// in the time of testing/synctest or in real time.
//
// A [Probe] is the other end of one connection. [Connect] makes one that is a client of any
// http.Handler:
//
//	func TestGreeter(t *testing.T) {
//		p := sockettest.Connect(t, greeter, "/greeter")
//		p.SendText("Peter")
//		p.ExpectText("Hello Peter!")
//		p.Close(frame.Normal, "")
//	}
//
// A frame handler is tested by a handler that names it, &sockets.Handler{Spawn: props}. Several
// probes on one server are made by [NewServer], and [Serve] takes a server of the program's own.
// [Refused] is for a handshake that must not succeed.
//
// A [Peer] is the other side: a server whose every byte the test decides, for client code.
//
//	peer := sockettest.NewPeer(t)
//	c, err := sockets.Dial(ctx, "ws://example.com/feed", &sockets.DialOptions{Dialer: peer.Dialer()})
//	p := peer.Accept() // the handshake has been answered
//	p.ExpectJSON(subscribe{"news"})
//	p.SendBytes([]byte{0x81, 5, 'h'}, []byte("ello")) // one message in two reads
//	p.Reset()
//
// Client code that opens its connection itself and returns when it is done is met by a script,
// [Peer.Go].
//
// # Virtual time
//
// In a bubble of testing/synctest all of this takes no time, and needs nothing at its end:
//
//	func TestSilence(t *testing.T) {
//		synctest.Test(t, func(t *testing.T) {
//			p := sockettest.Connect(t, handler, "/", sockettest.Manual())
//			p.ExpectPing()                     // after 30 s of silence
//			p.ExpectClose(frame.InternalError) // 20 s later
//		})
//	}
//
// What the bubble uses must be made in it. A server of this package brings an actor system of its
// own, which is that of everything under it that names none; sockets.DefaultSystem, which lives as
// long as the process, is not for bubbles: give client code a system of sockets.NewSystem.
//
// # Failures
//
// What was expected and has not come, or not so, ends the test at the line of the expectation, with
// what came in its place and the end of the conversation before it. So does anything that RFC 6455
// does not allow: a probe has a decoder of its own and judges what it is sent.
//
// The package sets no TLS up, and measures nothing: for that there are real sockets.
package sockettest
