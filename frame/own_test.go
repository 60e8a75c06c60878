package frame

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// lender is memory that counts how often it was freed.
type lender struct{ freed int }

func (l *lender) Free() { l.freed++ }

// What was not lent is copied, whoever has its memory.
func TestOwnCopies(t *testing.T) {
	for _, f := range []*Frame{Text("hello"), made(leased, 'x'), Fragment(OpText, false, []byte("piece"))} {
		f.RSV = RSV1
		g := f.Own()
		assert.Equal(t, f.Payload, g.Payload)
		assert.NotSame(t, memory(f), memory(g))
		assert.Equal(t, Header{Fin: f.Fin, RSV: RSV1, Opcode: f.Opcode}, g.Header)
		assert.False(t, f.Recall())
	}
}

// Lent memory has one owner: who asks first. The second has a copy, and who recalls it is told.
func TestOwnTakesWhatIsLent(t *testing.T) {
	m := new(lender)
	f := Binary(make([]byte, leased, 2*leased)[:leased])
	f.Lend(m)
	assert.False(t, f.Recall(), "nobody took it")
	f.Lend(m)
	first, second := f.Own(), f.Own()
	assert.Same(t, memory(f), memory(first))
	assert.Equal(t, leased, cap(first.Payload), "nothing is shown of what lies behind")
	assert.NotSame(t, memory(f), memory(second))
	assert.True(t, f.Recall())
	assert.False(t, f.Recall())
	second.Release()
	assert.Zero(t, m.freed)
	first.Release()
	assert.Equal(t, 1, m.freed)
}
