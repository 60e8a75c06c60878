package actors

import (
	"github.com/spindrift-go/spindrift/pipeline"
)

// reportStep is by how many bytes that must change before the Budget is told.
const reportStep = 4 << 10

// reportMemory tells the pipeline's Budget, at the end of a turn, what this package holds: input
// that waits for credit, and output that the peer does not take.
func (s *stream) reportMemory() {
	n := s.memory()
	change := n - s.rarely().counted
	if change == 0 || n > 0 && max(change, -change) < reportStep {
		return
	}
	m := &pipeline.Hold{Bytes: change}
	if s.pipeline.Up(m); !m.Refused {
		s.makeRare().counted = n
	}
}

func (s *stream) memory() (n int) {
	if p := s.rarely().pauses; p != nil {
		if n = cap(p.pending.rest); p.pending.buf != nil {
			n = len(*p.pending.buf)
		}
	}
	if s.out.blocked {
		n += s.transport.Buffered()
		if s.out.buf != nil {
			n += cap(*s.out.buf)
		}
	}
	return n
}
