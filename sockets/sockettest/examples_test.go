package sockettest_test

import "testing"

// current is the test that runs examples; nil: they are examples.
var current *testing.T

// run runs the test that an example shows.
func run(test func(t *testing.T)) {
	if current != nil {
		current.Run("example", test)
	}
}

func TestExamples(t *testing.T) {
	current = t
	defer func() { current = nil }()
	Example()
	ExampleConnect()
	ExampleRefused()
	ExampleNewServer()
	ExampleNewPeer()
	ExampleRefuse()
}
