//go:build race

package sockets

const racing = true // the race detector makes everything ten times as slow
