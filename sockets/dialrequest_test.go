package sockets

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The context of a connection has the values of its request's, as on a server, and not its end.
func TestDialRequestKeepsValues(t *testing.T) {
	w := newWorld(t, bare)
	type key struct{}
	ctx, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "mine"))
	seen := make(chan any, 1)
	o := &DialOptions{System: w.system, Options: &Options{Observers: []*Observer{{Opened: func(_ *Observed, r *http.Request) { seen <- r.Context().Value(key{}) }}}}}
	r := w.get("http://" + w.session(nil, echoes) + "/").WithContext(ctx)
	c, err := DialRequest(r, nil, o)
	require.NoError(t, err)
	defer c.Cut()
	cancel()
	assert.Equal(t, "mine", <-seen)
	assert.Equal(t, "mine", c.Context().Value(key{}))
	assert.Equal(t, "mine", c.Request().Context().Value(key{}))
	assert.NoError(t, c.Context().Err())
	stillAnswers(w, c)
	c.Cut()
	<-c.Context().Done()
}

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

// A request that plain HTTP could send, its client and all, opens a Conn.
func TestDialRequestOfNetHTTP(t *testing.T) {
	everywhere(t, func(w *world) {
		addr := w.session(nil, func(ctx context.Context, c *Conn) error {
			r := c.Request()
			user, _, _ := r.BasicAuth()
			return c.SendText(ctx, strings.Join([]string{user, r.Host, r.RequestURI, r.Header.Get("Cookie"), r.Header.Get("X")}, " "))
		})
		scheme := map[bool]string{true: "https", false: "http"}[w.tls]
		jar, _ := cookiejar.New(nil)
		jar.SetCookies(&url.URL{Scheme: scheme, Host: addr}, []*http.Cookie{{Name: "a", Value: "1"}})
		client := &http.Client{Jar: jar, Timeout: testTimeout, Transport: &http.Transport{TLSClientConfig: clientTLS()}}
		r, err := http.NewRequestWithContext(w.Context(), "GET", scheme+"://"+addr+"/chat?x", nil)
		require.NoError(w, err)
		r.SetBasicAuth("ann", "secret")
		r.Header.Set("X", "mine")
		c, err := DialRequest(r, client, &DialOptions{System: w.system, Options: &Options{Portable: w.portable}, Header: http.Header{"X": {"theirs"}}})
		require.NoError(w, err)
		w.Cleanup(c.Cut)
		got, err := c.ReceiveText(w.within())
		require.NoError(w, err)
		assert.Equal(w, "ann "+addr+" /chat?x a=1 mine", got)
		assert.Len(w, r.Header, 2, "it is not changed")
	})
	_, err := DialRequest(nil, nil, nil)
	assert.ErrorContains(t, err, "no URL")
}

// A field of the handshake is one however the request's header spells it, the RFC's way among them, which is not net/http's:
// servers refuse a second key, and what a client has offered without knowing it refuses itself.
func TestDialRequestOfOtherSpellings(t *testing.T) {
	for _, spell := range []func(string) string{
		strings.ToLower,
		func(name string) string { return strings.Replace(name, "Websocket", "WebSocket", 1) },
	} {
		w := newWorld(t, bare)
		addr, seen, _ := w.replying(agreed + "Sec-WebSocket-Protocol: b\r\n\r\n")
		jar, _ := cookiejar.New(nil)
		jar.SetCookies(&url.URL{Scheme: "http", Host: addr}, []*http.Cookie{{Name: "a", Value: "1"}})
		r := w.get("http://ann:secret@" + addr + "/")
		r.Header = http.Header{spell("X-Mine"): {"kept"}, spell("Host"): {"elsewhere.example"}, spell("Cookie"): {"own=3"}}
		for name, value := range map[string]string{
			"User-Agent": "tests", "Content-Length": "5", "Transfer-Encoding": "chunked", "Trailer": "X", "Authorization": "Bearer t",
			"Upgrade": "h2c", "Connection": "close", "Sec-Websocket-Version": "8", "Sec-Websocket-Key": "mine", "Sec-Websocket-Protocol": "a, b",
		} {
			r.Header[spell(name)] = []string{value}
		}
		c, err := DialRequest(r, &http.Client{Jar: jar}, &DialOptions{System: w.system, Header: http.Header{"Sec-WebSocket-Protocol": {"not this"}}})
		require.NoError(t, err)
		assert.Equal(t, "b", c.Subprotocol())
		c.Cut()
		got := <-seen
		_, refused := check(got)
		assert.Nil(t, refused, "our own server takes it")
		assert.Equal(t, addr, got.Host)
		assert.Equal(t, []string{"a, b"}, got.Header["Sec-Websocket-Protocol"])
		assert.Equal(t, []string{"own=3; a=1"}, got.Header["Cookie"])
		assert.Equal(t, []string{"Bearer t"}, got.Header["Authorization"])
		assert.Equal(t, []string{"tests"}, got.Header["User-Agent"])
		assert.Empty(t, got.Trailer)
		assert.Equal(t, "kept", got.Header.Get("X-Mine"))
	}
}

// A Transport makes a TLS configuration of its own for its first request, and changes that which it has: neither
// takes the place of the options', nor is read while it is changed.
func TestDialRequestBesideRequests(t *testing.T) {
	w := newWorld(t, setting{tls: true})
	addr := w.session(nil, func(ctx context.Context, c *Conn) error { return nil })
	for name, client := range map[string]*http.Client{
		"TLS of the options":   {Transport: &http.Transport{ForceAttemptHTTP2: true}},
		"TLS of the Transport": {Transport: &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: clientTLS()}},
	} {
		o := &DialOptions{System: w.system}
		if client.Transport.(*http.Transport).TLSClientConfig == nil {
			o.Dialer.TLS = clientTLS()
		}
		dial := func() {
			r, err := http.NewRequestWithContext(w.within(), "GET", "https://"+addr+"/", nil)
			require.NoError(t, err)
			c, err := DialRequest(r, client, o)
			if assert.NoError(t, err, name) {
				assert.NoError(t, c.Close(frame.Normal, ""))
			}
		}
		first := make(chan struct{})
		go func() {
			defer close(first)
			if r, err := client.Get("https://" + addr); err == nil {
				r.Body.Close()
			}
		}()
		dial()
		<-first
		dial()
		assert.Contains(t, client.Transport.(*http.Transport).TLSClientConfig.NextProtos, "h2", "it is not changed")
		client.CloseIdleConnections()
	}
}

// What an http.Transport tells its proxies is told to them here.
func TestDialRequestTellsProxies(t *testing.T) {
	for name, over := range map[string]*http.Transport{
		"the same for all": {ProxyConnectHeader: http.Header{"X-Tenant": {"a"}}},
		"for each": {GetProxyConnectHeader: func(_ context.Context, via *url.URL, addr string) (http.Header, error) {
			return http.Header{"X-Tenant": {"a"}, "X-Via": {via.Host}, "X-To": {addr}}, nil
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, bare)
			told := make(chan http.Header, 1)
			addr, _ := w.script(func(p *peer) {
				if r, err := http.ReadRequest(p.in); err == nil {
					told <- r.Header
				}
				io.WriteString(p, "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
			})
			over.Proxy = http.ProxyURL(&url.URL{Scheme: "http", Host: addr, User: url.UserPassword("ann", "secret")})
			_, err := DialRequest(w.get("ws://a.example/"), &http.Client{Transport: over}, nil)
			assert.ErrorContains(t, err, "407")
			header := <-told
			assert.Equal(t, "a", header.Get("X-Tenant"))
			assert.NotEmpty(t, header.Get("Proxy-Authorization"))
			if over.GetProxyConnectHeader != nil {
				assert.Equal(t, addr, header.Get("X-Via"))
				assert.Equal(t, "a.example:80", header.Get("X-To"))
			}
		})
	}
	w, refused := newWorld(t, bare), errors.New("not by this proxy")
	l := w.listen()
	defer l.Close()
	over := &http.Transport{
		Proxy: http.ProxyURL(&url.URL{Scheme: "http", Host: l.Addr().String()}),
		GetProxyConnectHeader: func(context.Context, *url.URL, string) (http.Header, error) {
			return nil, refused
		},
	}
	_, err := DialRequest(w.get("ws://a.example/"), &http.Client{Transport: over}, nil)
	assert.ErrorIs(t, err, refused)
}

// What looks at the answers of an http.Transport's proxies looks at them here, and may fail the dial.
func TestDialRequestShowsAnswersOfProxies(t *testing.T) {
	own := errors.New("not by this proxy")
	for name, tt := range map[string]struct {
		answer string
		err    error
		want   string // is seen
	}{
		"refused":             {answer: "HTTP/1.1 100 Wait\r\n\r\nHTTP/1.1 407 Who\r\nContent-Length: 4\r\n\r\nwho?", want: "CONNECT 407 who?"},
		"refused differently": {answer: "HTTP/1.1 407 Who\r\nContent-Length: 4\r\n\r\nwho?", err: own, want: "CONNECT 407 who?"},
		"connected":           {answer: "HTTP/1.1 200 Yes\r\nContent-Length: 4\r\n\r\n", want: "CONNECT 200 "},
		"connected in vain":   {answer: "HTTP/1.1 200 Yes\r\n\r\n", err: own, want: "CONNECT 200 "},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, bare)
			addr, _ := w.script(func(p *peer) {
				if _, err := http.ReadRequest(p.in); err != nil {
					return
				}
				io.WriteString(p, tt.answer)
				if r, err := http.ReadRequest(p.in); err == nil {
					io.WriteString(p, strings.ReplaceAll(agreed+"\r\n", "ACCEPT", AcceptKey(r.Header.Get("Sec-WebSocket-Key"))))
				}
			})
			via := &url.URL{Scheme: "http", Host: addr}
			seen := make(chan string, 1)
			over := &http.Transport{Proxy: http.ProxyURL(via), OnProxyConnectResponse: func(_ context.Context, by *url.URL, r *http.Request, answer *http.Response) error {
				said, _ := io.ReadAll(answer.Body)
				assert.Equal(t, via, by)
				seen <- fmt.Sprintf("%s %d %s", r.Method, answer.StatusCode, said)
				return tt.err
			}}
			c, err := DialRequest(w.get("ws://a.example/"), &http.Client{Transport: over}, &DialOptions{System: w.system})
			close(seen)
			assert.Equal(t, tt.want, <-seen)
			switch {
			case tt.err != nil:
				assert.ErrorIs(t, err, tt.err)
			case name == "refused":
				assert.Equal(t, "proxy 407 who?", refusedBy(err))
			default:
				require.NoError(t, err)
				c.Cut()
			}
		})
	}
}

// An UpgradeClient takes a whole request, on a connection that spoke HTTP before too.
func TestUpgradeClientTakesARequest(t *testing.T) {
	everywhere(t, func(w *world) {
		h := w.handler()
		addr := w.websocket(&UpgradeServer{FrameHandler: h.pid})
		r := w.get("http://elsewhere.example/path/of%2Fmine?q=1")
		r.Host = "named.example"
		r.Header = http.Header{"X": {"1", "2"}, "Authorization": {"Bearer t"}}
		conn, err := Connect(w.Context(), w.system, map[bool]string{true: "https", false: "http"}[w.tls]+"://"+addr, &Dialer{TLS: clientTLS()})
		require.NoError(w, err)
		mine := w.handler()
		answer, err := w.system.Root.RequestFuture(conn, &UpgradeClient{FrameHandler: mine.pid, Request: r, Options: &Options{Portable: w.portable}}, testTimeout).Result()
		require.NoError(w, err)
		require.IsType(w, &http.Response{}, answer, "%v", answer)
		_, up := h.upgraded()
		assert.Equal(w, "/path/of%2Fmine?q=1", up.Request.RequestURI)
		assert.Equal(w, "named.example", up.Request.Host)
		assert.Equal(w, []string{"1", "2"}, up.Request.Header["X"])
		assert.Equal(w, "Bearer t", up.Request.Header.Get("Authorization"))
		mine.upgraded()
		w.ended(conn)
		expect[*Closed](h)
	})
	w := newWorld(t, bare)
	u := w.client(w.handler())
	u.Request = w.get("ws://a.example/")
	u.Request.Method = "PUT"
	_, err := DialActor(t.Context(), w.system, "ws://127.0.0.1:1/", u)
	assert.ErrorContains(t, err, `method of a handshake is GET, not "PUT"`)
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
