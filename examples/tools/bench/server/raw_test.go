package main

import (
	"bytes"
	"testing"

	"github.com/spindrift-go/spindrift/examples/tools/bench/load"
)

func TestEchoerUnmasksWhateverTheChops(t *testing.T) {
	var in, want []byte
	for _, size := range []int{0, 5, 64, 125, 126, 9000, 70000} {
		payload := load.Letters(size)
		in = append(in, load.Message{Opcode: load.Text, Payload: payload}.Frame()...)
		want = append(appendHeader(want, 0x81, uint64(size)), payload...)
	}
	for _, step := range []int{1, 2, 3, 13, 4096, len(in)} {
		var e echoer
		var out, held []byte
		for start := 0; start < len(in); start += step {
			held = append(held, in[start:min(start+step, len(in))]...)
			grown, rest, err := e.echo(out, held)
			if err != nil {
				t.Fatalf("step %d: %v", step, err)
			}
			out, held = grown, bytes.Clone(rest)
		}
		if !bytes.Equal(out, want) || len(held) != 0 {
			t.Errorf("step %d: %d bytes out, %d held; want %d", step, len(out), len(held), len(want))
		}
	}
}

func TestAcceptValue(t *testing.T) {
	if got := acceptValue("dGhlIHNhbXBsZSBub25jZQ=="); got != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" { // RFC 6455 1.3
		t.Error(got)
	}
}

func TestContendersHaveNamesOfTheirOwn(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range contenders() {
		if seen[c.Name] || c.Name == "" || c.Serve == nil || len(c.Rows) == 0 || c.About == "" || c.UTF8 == "" {
			t.Errorf("contender %+v", c)
		}
		seen[c.Name] = true
	}
}
