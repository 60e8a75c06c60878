package sockets

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A connection that has been taken out of net/http's hands already is not upgraded again, and whoever has it notices
// nothing: neither of a failed upgrade nor of a refusal.
func TestAcceptTwice(t *testing.T) {
	for name, test := range map[string]struct {
		second *Options
		want   string
	}{
		"hijacked": {nil, "connection cannot be upgraded: http: connection has been hijacked"},
		"refused":  {&Options{AllowedHosts: []string{"another.example"}}, "host is not served here (status 421)"},
	} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(w *world) {
				failed := make(chan error, 1)
				o := w.terms(&UpgradeServer{}).Options
				addr := w.dropIn(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
					c, err := Accept(rw, r, o)
					if !assert.NoError(w, err) {
						return
					}
					_, err = Accept(rw, r, test.second)
					failed <- err
					assert.NoError(w, echoes(r.Context(), c))
				}))
				c := w.open(addr, nil)
				require.EqualError(w, <-failed, test.want)
				for i := range 3 {
					require.NoError(w, c.SendText(w.within(), fmt.Sprint(i)))
					text, err := c.ReceiveText(w.within())
					require.NoError(w, err)
					require.Equal(w, fmt.Sprint(i), text)
				}
				require.NoError(w, c.Close(frame.Normal, ""))
			})
		})
	}
}

// It makes no difference who has taken the connection.
func TestAcceptOfWhatAnotherHasHijacked(t *testing.T) {
	w := newWorld(t, bare)
	addr := w.dropIn(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		nc, _, err := http.NewResponseController(rw).Hijack()
		if !assert.NoError(w, err) {
			return
		}
		defer nc.Close()
		_, err = Accept(rw, r, nil)
		assert.ErrorIs(w, err, http.ErrHijacked)
		b := make([]byte, 1)
		nc.Write([]byte("?"))
		n, err := nc.Read(b)
		assert.NoError(w, err)
		nc.Write(b[:n])
	}))
	p := w.dial(addr)
	p.send(handshake(addr))
	p.SetReadDeadline(time.Now().Add(testTimeout))
	b := make([]byte, 1)
	_, err := p.Read(b)
	require.NoError(t, err)
	require.Equal(t, "?", string(b))
	p.send("!")
	_, err = p.Read(b)
	require.NoError(t, err)
	require.Equal(t, "!", string(b))
	p.Close()
}
