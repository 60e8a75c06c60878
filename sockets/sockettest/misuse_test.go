package sockettest

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets"
	"github.com/stretchr/testify/assert"
)

// Each use of a Probe in each state returns or fails the test in words of its own: it does not hang, and
// does not panic.
func TestProbeMisuseInEachState(t *testing.T) {
	states := map[string]func(p *Probe){
		"open":     func(p *Probe) {},
		"answered": func(p *Probe) { p.SendText("echo"); synctest.Wait() },
		"closing":  func(p *Probe) { p.SendClose(frame.Normal, "") },
		"closed":   func(p *Probe) { p.Close(frame.Normal, "") },
		"reset":    func(p *Probe) { p.Reset() },
		"no more":  func(p *Probe) { p.CloseWrite() },
		"stalled":  func(p *Probe) { p.Stall() },
		"at once":  func(p *Probe) { p.Patience = 0 },
		"never":    func(p *Probe) { p.Patience = -time.Second },
		"in pieces": func(p *Probe) {
			p.SendFrame(frame.Fragment(frame.OpText, false, []byte("half")))
		},
	}
	uses := map[string]func(p *Probe){
		"SendText":         func(p *Probe) { p.SendText("x") },
		"SendText, long":   func(p *Probe) { p.SendText(strings.Repeat("x", 10*capacity)) },
		"SendBinary":       func(p *Probe) { p.SendBinary(nil) },
		"SendJSON":         func(p *Probe) { p.SendJSON(make(chan int)) },
		"SendPing":         func(p *Probe) { p.SendPing(strings.Repeat("x", 126)) },
		"SendPong":         func(p *Probe) { p.SendPong("x") },
		"SendClose":        func(p *Probe) { p.SendClose(70, "") },
		"SendFrame":        func(p *Probe) { p.SendFrame(nil) },
		"SendBytes":        func(p *Probe) { p.SendBytes(nil, []byte{}, []byte{0x81}) },
		"Encode":           func(p *Probe) { p.Encode(nil) },
		"Receive":          func(p *Probe) { p.Receive() },
		"ReceiveText":      func(p *Probe) { p.ReceiveText() },
		"ReceiveBinary":    func(p *Probe) { p.ReceiveBinary() },
		"ReceiveJSON":      func(p *Probe) { p.ReceiveJSON(nil) },
		"ExpectText":       func(p *Probe) { p.ExpectText("x") },
		"ExpectBinary":     func(p *Probe) { p.ExpectBinary(nil) },
		"ExpectJSON":       func(p *Probe) { p.ExpectJSON(make(chan int)) },
		"ExpectPing":       func(p *Probe) { p.ExpectPing() },
		"ExpectPong":       func(p *Probe) { p.ExpectPong("x") },
		"ExpectClose":      func(p *Probe) { p.ExpectClose(frame.Normal) },
		"ExpectEnd":        func(p *Probe) { p.ExpectEnd() },
		"ExpectCompletion": func(p *Probe) { p.ExpectCompletion() },
		"ExpectNothing":    func(p *Probe) { p.ExpectNothing(-time.Second) },
		"Close":            func(p *Probe) { p.Close(frame.NoStatus, "") },
		"Close, no code":   func(p *Probe) { p.Close(70, "") },
		"CloseWrite":       func(p *Probe) { p.CloseWrite() },
		"Reset":            func(p *Probe) { p.Reset(); p.Reset() },
		"Stall":            func(p *Probe) { p.Stall(); p.Stall() },
		"Resume":           func(p *Probe) { p.Resume() },
		"what it is": func(p *Probe) {
			p.Request()
			p.Response()
			p.Subprotocol()
			p.Compressed()
		},
	}
	for way, options := range map[string][]Option{"client": nil, "manual client": {Manual()}} {
		if testing.Short() && way != "client" {
			continue
		}
		for state, begin := range states {
			if testing.Short() && !slices.Contains([]string{"open", "closed", "stalled"}, state) {
				continue
			}
			t.Run(way+", "+state, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					system := sockets.NewSystem() // to make one takes longer than a use
					for use, do := range uses {
						for _, failure := range failures(t, func(t testing.TB) {
							p := Serve(t, &sockets.Server{System: system, Server: http.Server{Handler: echo()}}).Connect("/", options...)
							p.Patience = time.Minute
							begin(p)
							do(p)
						}) {
							assert.True(t, strings.HasPrefix(failure, "sockettest: "), "%s: %s", use, failure)
						}
					}
				})
			})
		}
	}
}

// A server that is nil fails the test that serves it, and not the whole program.
func TestServeOfNil(t *testing.T) {
	for _, serve := range []func(testing.TB){
		func(t testing.TB) { Serve(t, nil) },
		func(t testing.TB) { Serve(t, (*sockets.Server)(nil)) },
	} {
		fails(t, serve, "sockettest: Serve of a nil server")
	}
}
