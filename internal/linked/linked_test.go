package linked

import (
	"testing"

	"github.com/stretchr/testify/require"
)

type member struct {
	name  string
	links Links[member]
}

func linksOf(m *member) *Links[member] { return &m.links }

// Any member may leave, from either end or between others, and join again.
func TestList(t *testing.T) {
	var first *member
	a, b, c := &member{name: "a"}, &member{name: "b"}, &member{name: "c"}
	names := func() (all string) {
		for m := first; m != nil; m = m.links.Next {
			all += m.name
		}
		return all
	}
	for _, leaves := range []struct {
		who  *member
		left string
	}{{a, "cb"}, {b, "ca"}, {c, "ba"}} {
		for _, m := range []*member{a, b, c} {
			Add(&first, m, linksOf)
		}
		require.Equal(t, "cba", names())
		Remove(&first, leaves.who, linksOf)
		require.Equal(t, leaves.left, names())
		require.Zero(t, leaves.who.links)
		for first != nil {
			Remove(&first, first, linksOf)
		}
		require.Empty(t, names())
	}
}
