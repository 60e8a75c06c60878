package sockets

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"testing"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/nettest"
)

// netConns are both ends of a connection as net.Conns.
func (w *world) netConns(op frame.Opcode) (client, server net.Conn) {
	served := make(chan *Conn)
	addr := w.session(nil, func(_ context.Context, c *Conn) error {
		served <- c
		<-c.Done()
		return nil
	})
	c := w.open(addr, nil)
	return c.NetConn(op), (<-served).NetConn(op)
}

// What package net says of every net.Conn.
func TestNetConnIsOne(t *testing.T) {
	sampled(t, func(w *world) {
		nettest.TestConn(w.T, func() (c1, c2 net.Conn, stop func(), err error) {
			c1, c2 = w.netConns(frame.OpBinary)
			return c1, c2, func() {
				go c1.Close()
				c2.Close()
			}, nil
		})
	})
}

// A write that is longer than a message may be is no message.
func TestNetConnWritesAnyLength(t *testing.T) {
	w := newWorld(t, bare)
	client, server := w.netConns(frame.OpBinary)
	sent := make([]byte, 3<<20)
	for i := range sent {
		sent[i] = byte(rand.Uint32())
	}
	go func() {
		n, err := client.Write(sent)
		assert.NoError(w, err)
		assert.Equal(w, len(sent), n)
		client.Close()
	}()
	got, err := io.ReadAll(server)
	require.NoError(w, err)
	assert.True(w, bytes.Equal(sent, got))
}

// Who copies text cuts it anywhere.
func TestNetConnOfText(t *testing.T) {
	w := newWorld(t, bare)
	client, server := w.netConns(frame.OpText)
	sent := strings.Repeat("a£€𝄞", 10_000)
	go func() {
		defer client.Close()
		for rest := sent; rest != ""; {
			k := min(len(rest), 1+rand.IntN(3))
			if rand.IntN(100) == 0 {
				k = min(len(rest), streamPiece+7)
			}
			n, err := io.WriteString(client, rest[:k])
			if !assert.NoError(w, err) || !assert.Equal(w, k, n) {
				return
			}
			rest = rest[k:]
		}
	}()
	got, err := io.ReadAll(server)
	require.NoError(w, err)
	assert.Equal(w, sent, string(got))
}

// Close ends what waits for a peer that takes nothing, and has no Close of its own to wait for.
func TestNetConnClosedWhileWaiting(t *testing.T) {
	w := newWorld(t, bare)
	client, server := w.netConns(frame.OpBinary)
	wrote, read := make(chan error), make(chan error)
	go func() {
		for {
			if _, err := client.Write(make([]byte, streamPiece)); err != nil {
				wrote <- err
				return
			}
		}
	}()
	go func() {
		_, err := client.Read(make([]byte, 1))
		read <- err
	}()
	go client.Close()
	assert.ErrorIs(w, <-wrote, net.ErrClosed)
	assert.ErrorIs(w, <-read, net.ErrClosed)
	server.(*netConn).Cut()
	<-client.(*netConn).Done()
}

func TestNetConnAddresses(t *testing.T) {
	w := newWorld(t, bare)
	client, server := w.netConns(frame.OpBinary)
	defer client.Close()
	host, port, err := net.SplitHostPort(server.LocalAddr().String())
	require.NoError(w, err)
	assert.Equal(w, net.JoinHostPort(host, port), client.RemoteAddr().String())
	for _, a := range []net.Addr{server.RemoteAddr(), client.LocalAddr()} {
		_, _, err := net.SplitHostPort(a.String())
		assert.NoError(w, err)
	}
}
