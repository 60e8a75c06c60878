// Command server is the Go contenders of the bench in one program, but for nbio: an echo server on /, a room on /broadcast where
// each message goes to everyone, and a plain response on /plain.
//
//	go run ./server -contender gorilla -addr 127.0.0.1:9001
//	go run ./server -list
package main

import (
	"slices"

	"github.com/spindrift-go/spindrift/examples/tools/bench/serve"
)

func main() { serve.Main(contenders()) }

func contenders() []serve.Contender {
	return slices.Concat(
		rawContenders(), gorillaContenders(), coderContenders(), gobwasContenders(), gwsContenders(), httpContenders(), http2Contenders(), spindriftContenders(),
	)
}
