//go:build !race

package sockets

const racing = false
