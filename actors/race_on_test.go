//go:build race

package actors

const racing = true // the race detector makes everything ten times as slow
