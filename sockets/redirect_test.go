package sockets

import (
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// redirecting is a server that sends everybody on to location and tells what it was asked.
func (w *world) redirecting(status int, location string) (addr string, asked <-chan *http.Request) {
	seen := make(chan *http.Request, 20)
	return w.dropIn(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		seen <- r
		rw.Header().Set("Location", location)
		http.SetCookie(rw, &http.Cookie{Name: "seen", Value: "1", Path: "/"})
		rw.WriteHeader(status)
	})), seen
}

// Redirects are followed where that is asked for, and what is secret stays with its origin.
func TestRedirect(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, s := range settings[:2] {
			w := newWorld(t, s)
			h := w.handler(echo)
			target := w.websocket(&UpgradeServer{FrameHandler: h.pid, Options: &Options{Subprotocols: []string{"b"}}})
			addr, asked := w.redirecting(status, w.url(target)+"?x=1#here")
			mine := w.handler()
			u := w.client(mine)
			u.Dialer.Redirects = 1
			u.Dialer.Jar, _ = cookiejar.New(nil)
			u.Path = "/old"
			u.Header = http.Header{
				"Authorization": {"Bearer secret"}, "cookie": {"own=secret"}, "X-Api-Key": {"secret"}, "Host": {"a.example"},
				"Proxy-Authorization": {"secret"}, "User-Agent": {"tests"}, "sec-websocket-protocol": {"a, b"},
			}
			conn, err := DialActor(t.Context(), w.system, strings.Replace(w.url(addr), "://", "://ann:secret@", 1), u)
			require.NoError(t, err)
			r := <-asked
			assert.Equal(t, "/old a.example Bearer secret", r.URL.Path+" "+r.Host+" "+r.Header.Get("Authorization"))
			_, up := h.upgraded()
			assert.Equal(t, "/chat?x=1", up.Request.RequestURI)
			assert.Equal(t, target, up.Request.Host)
			assert.Equal(t, "tests", up.Request.UserAgent())
			assert.Equal(t, "seen=1", up.Request.Header.Get("Cookie"), "the jar's: it knows the host")
			for name, values := range up.Request.Header {
				assert.NotContains(t, strings.Join(values, " "), "secret", name)
			}
			_, up = mine.upgraded()
			assert.Equal(t, "b", up.Subprotocol)
			w.system.Root.Send(conn, frame.Close(frame.Normal, ""))
			expect[*Closed](mine)
			expect[*Closed](h)
		}
	}
}

// Within an origin all goes along, and a Location may be relative.
func TestRedirectWithinTheOrigin(t *testing.T) {
	for location, want := range map[string]string{
		"new?x":   "/a/new?x",
		"/new":    "/new",
		"../c":    "/c",
		"":        "",
		"//HOST/": "/",
	} {
		t.Run(location, func(t *testing.T) { // a world of its own: a server keeps the poller that the first connection brings
			w := newWorld(t, bare)
			h := w.handler(echo)
			mux := http.NewServeMux()
			mux.HandleFunc("/a/b", func(rw http.ResponseWriter, r *http.Request) {
				rw.Header().Set("Location", strings.ReplaceAll(location, "HOST", r.Host))
				rw.WriteHeader(302)
			})
			mux.Handle("/", w.upgrading(&UpgradeServer{FrameHandler: h.pid}))
			addr := w.dropIn(mux)
			u := w.client(w.handler())
			u.Dialer.Redirects = 3
			u.Header = http.Header{"X-Api-Key": {"secret"}}
			conn, err := DialActor(t.Context(), w.system, "ws://ann:secret@"+addr+"/a/b", u)
			if location == "" {
				require.ErrorContains(t, err, "no Location")
				return
			}
			require.NoError(t, err)
			_, up := h.upgraded()
			assert.Equal(t, want, up.Request.RequestURI)
			user, password, _ := up.Request.BasicAuth()
			assert.Equal(t, "ann secret secret", user+" "+password+" "+up.Request.Header.Get("X-Api-Key"))
			w.ended(conn)
			expect[*Closed](h)
		})
	}
}

// A request of net/http's has its path and its header, which are those of the first request only: a redirect leads
// elsewhere, and what is secret stays with its origin.
func TestRedirectOfARequest(t *testing.T) {
	for _, elsewhere := range []bool{false, true} {
		w := newWorld(t, bare)
		h := w.handler(echo)
		target := w.websocket(&UpgradeServer{FrameHandler: h.pid})
		mux := http.NewServeMux()
		mux.HandleFunc("/old", func(rw http.ResponseWriter, _ *http.Request) {
			location := "/new?x=1"
			if elsewhere {
				location = w.url(target) + "?x=1"
			}
			rw.Header().Set("Location", location)
			rw.WriteHeader(302)
		})
		mux.Handle("/new", w.upgrading(&UpgradeServer{FrameHandler: h.pid}))
		r := w.get("ws://" + w.dropIn(mux) + "/old?y=2")
		r.Host = "a.example"
		r.Header = http.Header{"Authorization": {"Bearer secret"}, "X-Api-Key": {"secret"}, "Cookie": {"own=secret"}, "User-Agent": {"tests"}}
		u := w.client(w.handler())
		u.Header = http.Header{"x-api-key": {"another"}, "X-More": {"1"}}
		u.Dialer.Redirects = 1
		conn, err := DialActorRequest(w.system, r, nil, u)
		require.NoError(t, err)
		_, up := h.upgraded()
		header := up.Request.Header
		if elsewhere {
			assert.Equal(t, "/chat?x=1 "+target, up.Request.RequestURI+" "+up.Request.Host)
			for name, values := range header {
				assert.NotContains(t, strings.Join(values, " "), "secret", name)
			}
		} else {
			assert.Equal(t, "/new?x=1 a.example", up.Request.RequestURI+" "+up.Request.Host)
			assert.Equal(t, "Bearer secret own=secret 1", header.Get("Authorization")+" "+header.Get("Cookie")+" "+header.Get("X-More"))
			assert.Equal(t, []string{"secret"}, header["X-Api-Key"], "in the place of Header's")
		}
		assert.Equal(t, "tests", up.Request.UserAgent())
		w.ended(conn)
		expect[*Closed](h)
	}
}

// What is not followed is a HandshakeError that says why.
func TestRedirectNotFollowed(t *testing.T) {
	w := newWorld(t, bare)
	plain := "ws://127.0.0.1:1/"
	over := newWorld(t, settings[1])
	for why, tt := range map[string]struct {
		world    *world
		location string
		most     int
	}{
		"redirects to ws://127.0.0.1:1/, which Dialer.Redirects": {w, plain, 0},
		"redirects to ws://ann:xxxxx@a.example, which Dialer":    {w, "ws://ann:secret@a.example", 0},
		"redirects to ws://127.0.0.1:1/ (status 302)":            {over, plain, 0},
		"redirects to ftp://a.example (status 302)":              {w, "ftp://a.example", 0},
		"it leads from wss to ws":                                {over, plain, 5},
		"from wss to ws":                                         {over, "http://a.example", 5},
		"Location is not a URL":                                  {w, "ws://ann:secret@%zz", 5},
		`scheme "ftp" is not`:                                    {w, "ftp://ann:secret@a.example", 5},
		`scheme "javascript`:                                     {w, "javascript:alert(1)", 5},
		"no more than 3 redirects are":                           {w, "/again", 3},
		"no host":                                                {w, "ws:///", 5},
	} {
		addr, asked := tt.world.redirecting(302, tt.location)
		u := tt.world.client(tt.world.handler())
		u.Dialer.Redirects = tt.most
		_, err := DialActor(t.Context(), w.system, tt.world.url(addr), u)
		var e *HandshakeError
		require.ErrorAs(t, err, &e, why)
		assert.Contains(t, err.Error(), why)
		assert.Equal(t, 302, e.Status)
		assert.NotContains(t, err.Error(), "secret")
		assert.Len(t, asked, map[bool]int{true: 4, false: 1}[tt.most == 3])
	}
}

// Credentials that were left behind do not come back with a second redirect.
func TestRedirectThereAndBack(t *testing.T) {
	w := newWorld(t, bare)
	h := w.handler(echo)
	back := make(chan string, 1)
	mux := http.NewServeMux()
	mux.Handle("/end", w.upgrading(&UpgradeServer{FrameHandler: h.pid}))
	other := w.dropIn(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		http.Redirect(rw, r, <-back, http.StatusFound)
	}))
	mux.HandleFunc("/start", func(rw http.ResponseWriter, r *http.Request) {
		http.Redirect(rw, r, "http://"+other+"/", http.StatusFound)
	})
	addr := w.dropIn(mux)
	back <- "ws://" + addr + "/end"
	u := w.client(w.handler())
	u.Dialer.Redirects = 2
	u.Header = http.Header{"Authorization": {"secret"}}
	conn, err := DialActor(t.Context(), w.system, "ws://ann:secret@"+addr+"/start", u)
	require.NoError(t, err)
	_, up := h.upgraded()
	assert.Empty(t, up.Request.Header.Get("Authorization"))
	w.ended(conn)
	expect[*Closed](h)
}

// A unix socket in place of a host.
func TestDialUnix(t *testing.T) {
	everywhere(t, func(w *world) {
		path := filepath.Join(w.TempDir(), "s")
		l, err := net.Listen("unix", path)
		if err != nil {
			w.Skip(err)
		}
		h := w.handler(echo)
		s := &Server{System: w.system, Server: quiet(w.upgrading(&UpgradeServer{FrameHandler: h.pid}))}
		served := make(chan struct{})
		go func() {
			defer close(served)
			if w.tls {
				s.ServeTLS(l, "", "")
			} else {
				s.Serve(l)
			}
		}()
		w.Cleanup(func() { s.Close(); <-served })
		mine := w.handler()
		u := w.client(mine)
		u.Dialer.Unix = path
		u.Dialer.Proxy = func(*http.Request) (*url.URL, error) { panic("no proxy is asked") }
		conn, err := DialActor(w.Context(), w.system, w.url("localhost"), u)
		require.NoError(w, err)
		mine.upgraded()
		w.system.Root.Send(conn, frame.Text("hello"))
		mine.text("hello")
		w.ended(conn)
		assert.Equal(w, frame.GoingAway, expect[*Closed](mine).Code)
	})
}
