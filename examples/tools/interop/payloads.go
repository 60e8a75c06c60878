package main

import (
	"math/rand/v2"
	"strings"
)

func everyByte() []byte {
	p := make([]byte, 256)
	for i := range p {
		p[i] = byte(i)
	}
	return p
}

// noise is bytes that do not compress, the same in every run.
func noise(n int) []byte {
	r, p := rand.NewPCG(1, 2), make([]byte, n)
	for i := range p {
		p[i] = byte(r.Uint64())
	}
	return p
}

// prose is text that compresses as text does.
func prose(n int) string {
	words := strings.Fields("the wind takes the tops of waves and blows them off as spray that sailors call spindrift")
	r, b := rand.New(rand.NewPCG(3, 4)), new(strings.Builder)
	for b.Len() < n {
		b.WriteString(words[r.IntN(len(words))])
		b.WriteByte(' ')
	}
	return b.String()[:n]
}
