package main

import (
	"crypto/tls"
	"fmt"
	"testing"

	"github.com/spindrift-go/spindrift/internal/http2client"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestCarried runs the checks of the proxies without one.
func TestCarried(t *testing.T) {
	r := testRun(t)
	s, err := r.startHTTP2(t.Context())
	require.NoError(t, err)
	defer s.child.terminate()
	conn, err := http2client.Dial(fmt.Sprintf("127.0.0.1:%d", s.TLS), &tls.Config{RootCAs: r.authority.roots, ServerName: "127.0.0.1"}, cellTime)
	require.NoError(t, err)
	defer conn.Close()
	l, err := bridge(conn)
	require.NoError(t, err)
	defer l.Close()
	c := &carried{run: r, http2Proxy: http2Proxy{back: 2}, server: s, url: "ws://" + l.Addr().String(), note: func(n string) {
		assert.Equal(t, "20 at once came to the server by 1 connections", n)
	}}
	c.back = 1
	assert.Error(t, c.greeted(t.Context()), "it came by another version")
	c.back = 2
	for _, check := range carriedChecks {
		assert.NoError(t, check.run(c, t.Context()), check.name)
	}
}
