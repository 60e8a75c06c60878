package remote

import (
	"crypto/rand"
	"strings"
)

// A node is known by "host:port~incarnation", and one of its links by
// "host:port~incarnation~link". What a program writes is often "host:port".

const separator = "~"

// hostPort is where the node of an address listens.
func hostPort(address string) string {
	bare, _, _ := strings.Cut(address, separator)
	return bare
}

// linkOf is the link that an address names; "": none.
func linkOf(address string) string {
	_, rest, _ := strings.Cut(address, separator)
	_, link, _ := strings.Cut(rest, separator)
	return link
}

// bare reports whether an address names a place, and no node.
func bare(address string) bool { return !strings.Contains(address, separator) }

func newIncarnation() string { return rand.Text()[:8] } // 40 bits: of the nodes that had this place
func newLinkName() string    { return rand.Text() }     // a secret of two nodes
