package pipeline_test

import (
	"fmt"
	"strings"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
)

// A stage is a function of its neighbours. This one passes on what it does not know, as all should.
func ExampleStage() {
	var loud pipeline.Stage = func(up, down pipeline.Sink) (onUp, onDown pipeline.Sink) {
		onUp = func(item any) {
			if f, ok := item.(*frame.Frame); ok && f.Opcode == frame.OpText {
				item = frame.Text(strings.ToUpper(f.String()))
			}
			up(item)
		}
		return onUp, down
	}
	fromWire, _ := loud(func(item any) { fmt.Println(item) }, func(any) {})
	fromWire(frame.Text("hello"))
	// Output: HELLO
}

// Stages are listed from handler to wire, and a chain of them is a stage.
func ExampleChain() {
	named := func(name string) pipeline.Stage {
		return pipeline.Tap(func(any) { fmt.Println("up:", name) }, func(any) { fmt.Println("down:", name) })
	}
	up, down := pipeline.Chain(named("a"), named("b"))(func(any) {}, func(any) {})
	up(frame.Text("in"))
	down(frame.Text("out"))
	// Output:
	// up: b
	// up: a
	// down: a
	// down: b
}

// What does not decode is told to the handler: without Report it ends the connection with 1007.
func ExampleTyped() {
	type order struct{ Item string }
	stage := pipeline.Typed{Format: pipeline.JSONFormat[order](), Report: true}.Stage()
	up, down := stage(func(item any) {
		switch m := item.(type) {
		case *order:
			fmt.Println("order:", m.Item)
		case *pipeline.FormatError:
			fmt.Println("no order")
		}
	}, func(item any) { fmt.Println("out:", item) })
	up(frame.Text(`{"Item":"tea"}`))
	up(frame.Text(`tea, please`))
	down(&order{"tea"})
	// Output:
	// order: tea
	// no order
	// out: {"Item":"tea"}
}
