package sockets

import (
	"context"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What net/http's client knows, a WebSocket's uses.
func TestDialActorRequest(t *testing.T) {
	everywhere(t, func(w *world) {
		h := w.handler(echo)
		m := middleman{world: w, scheme: "http", target: w.websocket(&UpgradeServer{FrameHandler: h.pid})}
		via := m.start()
		jar, _ := cookiejar.New(nil)
		scheme := map[bool]string{true: "https", false: "http"}[w.tls]
		jar.SetCookies(&url.URL{Scheme: scheme, Host: "localhost"}, []*http.Cookie{{Name: "a", Value: "1"}})
		dialled := 0
		c := &http.Client{Jar: jar, Timeout: testTimeout, Transport: &http.Transport{
			Proxy:           http.ProxyURL(via),
			TLSClientConfig: clientTLS(),
			DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
				dialled++
				return new(net.Dialer).DialContext(ctx, network, addr)
			},
		}}
		r, err := http.NewRequestWithContext(w.Context(), "GET", scheme+"://localhost/chat?x", nil)
		require.NoError(w, err)
		r.SetBasicAuth("ann", "secret")
		r.Host = "b.example"
		mine := w.handler()
		u := &UpgradeClient{FrameHandler: mine.pid, Header: http.Header{"X": {"1"}}, Options: &Options{Portable: w.portable}}
		conn, err := DialActorRequest(w.system, r, c, u)
		require.NoError(w, err)
		assert.Equal(w, 1, dialled)
		_, up := h.upgraded()
		user, _, _ := up.Request.BasicAuth()
		assert.Equal(w, "ann b.example /chat?x a=1 1", strings.Join([]string{user, up.Request.Host, up.Request.RequestURI, up.Request.Header.Get("Cookie"), up.Request.Header.Get("X")}, " "))
		assert.Len(w, u.Header, 1, "it is not changed")
		mine.upgraded()
		w.ended(conn)
		expect[*Closed](h)
	})
}

func TestDialActorRequestMistakes(t *testing.T) {
	w := newWorld(t, bare)
	u := w.client(w.handler())
	get := func() *http.Request { return w.get("ws://ann:secret@127.0.0.1:1/") }
	for want, try := range map[string]func() (*http.Request, *http.Client){
		"no URL":     func() (*http.Request, *http.Client) { return nil, nil },
		`not "POST"`: func() (*http.Request, *http.Client) { r := get(); r.Method = "POST"; return r, nil },
		"has no body": func() (*http.Request, *http.Client) {
			r := get()
			r.Body = http.MaxBytesReader(nil, nil, 1)
			return r, nil
		},
		"needs an *http.Trans": func() (*http.Request, *http.Client) {
			return get(), &http.Client{Transport: http.NewFileTransport(nil)}
		},
		"sets up TLS": func() (*http.Request, *http.Client) {
			return get(), &http.Client{Transport: &http.Transport{DialTLSContext: (&net.Dialer{}).DialContext}}
		},
		"connection refused": func() (*http.Request, *http.Client) { return get(), nil },
		"canceled": func() (*http.Request, *http.Client) {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			return get().WithContext(ctx), nil
		},
	} {
		r, c := try()
		_, err := DialActorRequest(w.system, r, c, u)
		require.ErrorContains(t, err, want)
		assert.NotContains(t, err.Error(), "secret")
	}
	_, err := DialActorRequest(w.system, get(), nil, nil)
	require.ErrorContains(t, err, "neither FrameHandler nor Spawn")
}
