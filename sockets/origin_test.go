package sockets

import (
	"crypto/tls"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// asking is a request that came to host from origin; https if secure.
func asking(host string, secure bool, origins ...string) *http.Request {
	r := &http.Request{Host: host, Header: http.Header{}}
	if secure {
		r.TLS = new(tls.ConnectionState)
	}
	if len(origins) > 0 {
		r.Header["Origin"] = origins
	}
	return r
}

// RFC 6455 10.2, RFC 6454 7.
func TestOriginAllowed(t *testing.T) {
	for _, tt := range []struct {
		name     string
		host     string
		secure   bool
		origins  []string
		patterns []string
		want     bool
	}{
		{"not a browser", "a.example", false, nil, nil, true},
		{"empty", "a.example", false, []string{""}, nil, false},
		{"null", "a.example", false, []string{"null"}, nil, false},
		{"null is not any host", "a.example", false, []string{"null"}, []string{"*", "*://*", "nul?"}, false},
		{"null, listed", "a.example", false, []string{"null"}, []string{"null"}, true},
		{"null, listed, is no host", "a.example", false, []string{"http://null"}, []string{"null"}, false},
		{"same", "a.example", false, []string{"http://a.example"}, nil, true},
		{"same, other case", "A.example", false, []string{"HTTP://a.EXAMPLE"}, nil, true},
		{"same over TLS", "a.example", true, []string{"https://a.example"}, nil, true},
		{"TLS ends at a proxy", "a.example", false, []string{"https://a.example"}, nil, true},
		{"TLS ends at a proxy, with its port", "a.example:443", false, []string{"https://a.example"}, nil, true},
		{"TLS ends at a proxy on another port", "a.example:8443", false, []string{"https://a.example:8443"}, nil, true},
		{"TLS on another port", "a.example:8080", false, []string{"https://a.example"}, nil, false},
		{"TLS of another host", "a.example", false, []string{"https://b.example"}, nil, false},
		{"other scheme over TLS", "a.example", true, []string{"http://a.example"}, nil, false},
		{"scheme of WebSocket", "a.example", false, []string{"ws://a.example"}, nil, false},
		{"default port in the origin", "a.example", false, []string{"http://a.example:80"}, nil, true},
		{"default port in the host", "a.example:80", false, []string{"http://a.example"}, nil, true},
		{"default port of TLS", "a.example:443", true, []string{"https://a.example"}, nil, true},
		{"default port of the other scheme", "a.example:443", false, []string{"http://a.example"}, nil, false},
		{"port", "a.example:8080", false, []string{"http://a.example:8080"}, nil, true},
		{"other port", "a.example:8080", false, []string{"http://a.example:8081"}, nil, false},
		{"no port", "a.example:8080", false, []string{"http://a.example"}, nil, false},
		{"empty port", "a.example:", false, []string{"http://a.example"}, nil, true},
		{"IPv6", "[::1]:8080", false, []string{"http://[::1]:8080"}, nil, true},
		{"IPv6 with the default port", "[::1]", false, []string{"http://[::1]:80"}, nil, true},
		{"other IPv6", "[::1]", false, []string{"http://[::2]"}, nil, false},
		{"IPv6 without brackets", "[::1]", false, []string{"http://::1"}, nil, false},
		{"other host", "a.example", false, []string{"http://b.example"}, nil, false},
		{"longer host", "a.example", false, []string{"http://a.example.evil.example"}, nil, false},
		{"subdomain", "example", false, []string{"http://a.example"}, nil, false},
		{"no scheme", "a.example", false, []string{"a.example"}, nil, false},
		{"relative scheme", "a.example", false, []string{"//a.example"}, nil, false},
		{"slash", "a.example", false, []string{"http://a.example/"}, nil, false},
		{"path", "a.example", false, []string{"http://a.example/x"}, nil, false},
		{"query", "a.example", false, []string{"http://a.example?x"}, nil, false},
		{"empty query", "a.example", false, []string{"http://a.example?"}, nil, false},
		{"fragment", "a.example", false, []string{"http://a.example#x"}, nil, false},
		{"empty fragment", "a.example", false, []string{"http://a.example#"}, nil, false},
		{"user", "a.example", false, []string{"http://u@a.example"}, nil, false},
		{"user that looks like the host", "a.example", false, []string{"http://a.example@b.example"}, nil, false},
		{"two in a line", "a.example", false, []string{"http://a.example http://a.example"}, nil, false},
		{"two in a list", "a.example", false, []string{"http://a.example, http://a.example"}, nil, false},
		{"two", "a.example", false, []string{"http://a.example", "http://a.example"}, nil, false},
		{"two, whatever the patterns", "a.example", false, []string{"http://a.example", "http://b.example"}, []string{"*.example"}, false},
		{"not a URL", "a.example", false, []string{"http://[::1"}, []string{"*"}, false},
		{"no host", "", false, []string{"http://"}, nil, false},
		{"file", "a.example", false, []string{"file://"}, []string{"*", "*://*", "file://*"}, false},
		{"file, listed", "a.example", false, []string{"file://"}, []string{"file://"}, true},
		{"file, listed, is no other", "a.example", false, []string{"file://x"}, []string{"file://"}, false},

		{"pattern of a host", "a.example", false, []string{"https://b.example"}, []string{"b.example"}, true},
		{"pattern in upper case", "a.example", false, []string{"https://b.example"}, []string{"B.Example"}, true},
		{"pattern of hosts", "a.example", false, []string{"https://b.c.example"}, []string{"*.example"}, true},
		{"pattern of hosts is no pattern of itself", "a.x", false, []string{"https://example"}, []string{"*.example"}, false},
		{"pattern of hosts is anchored", "a.x", false, []string{"https://b.example.evil"}, []string{"*.example"}, false},
		{"pattern without the port", "a.x", false, []string{"https://b.example:8443"}, []string{"b.example"}, false},
		{"pattern without the default port", "a.x", false, []string{"https://b.example:443"}, []string{"*.example"}, true},
		{"pattern of an origin without the default port", "a.x", false, []string{"http://b.example:80"}, []string{"http://b.example"}, true},
		{"pattern without the other scheme's port", "a.x", false, []string{"http://b.example:443"}, []string{"*.example"}, false},
		{"pattern with the default port", "a.x", false, []string{"http://b.example:80"}, []string{"b.example:80"}, true},
		{"pattern with a port", "a.x", false, []string{"https://b.example:8443"}, []string{"b.example:*"}, true},
		{"pattern with a scheme", "a.x", false, []string{"https://b.example"}, []string{"https://*.example"}, true},
		{"pattern with another scheme", "a.x", false, []string{"http://b.example"}, []string{"https://*.example"}, false},
		{"pattern of an app", "a.x", false, []string{"app://b"}, []string{"app://b"}, true},
		{"IPv6, listed", "a.x", false, []string{"http://[::1]:3000"}, []string{"http://[::1]:3000"}, true},
		{"IPv6, listed, is no class of characters", "a.x", false, []string{"http://1:3000"}, []string{"http://[::1]:3000"}, false},
		{"IPv6, listed as a host", "a.x", false, []string{"https://[::1]"}, []string{"[::1]"}, true},
		{"IPv6, a port each", "a.x", false, []string{"http://[::1]:3000"}, []string{"http://[::1]:*"}, true},
		{"IPv6, a port each, is no class of characters", "a.x", false, []string{"http://1:3000"}, []string{"http://[::1]:*"}, false},
		{"backslash", "a.x", false, []string{"http://b.example"}, []string{`http://\b.*`}, false},
		{"one character", "a.x", false, []string{"http://b1.example"}, []string{"b?.example"}, true},
		{"listed with a slash", "a.x", false, []string{"https://b.example"}, []string{"https://b.example/"}, false},
		{"listed in upper case", "a.x", false, []string{"https://b.example"}, []string{"HTTPS://B.Example"}, true},
		{"listed with the socket's scheme", "a.x", false, []string{"https://b.example"}, []string{"wss://b.example"}, false},
		{"second pattern", "a.x", false, []string{"http://b.example"}, []string{"c.example", "b.example"}, true},
		{"broken pattern", "a.x", false, []string{"http://b.example"}, []string{"[", "b.exampl"}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			assert.Equal(t, tt.want, OriginAllowed(asking(tt.host, tt.secure, tt.origins...), tt.patterns))
		})
	}
}

func TestHostAllowed(t *testing.T) {
	for _, tt := range []struct {
		host    string
		allowed []string
		want    bool
	}{
		{"evil.example", nil, true},
		{"a.example", []string{"a.example"}, true},
		{"A.example", []string{"a.Example"}, true},
		{"a.example:8443", []string{"a.example"}, true},
		{"a.example:8443", []string{"a.example:8443"}, true},
		{"a.example", []string{"a.example:8443"}, false},
		{"evil.example", []string{"a.example", "b.example"}, false},
		{"b.example", []string{"a.example", "b.example"}, true},
		{"b.a.example", []string{"*.a.example"}, true},
		{"b.a.example.evil", []string{"*.a.example"}, false},
		{"[::1]:3000", []string{"[::1]"}, true},
		{"[::1]", []string{"[::1]"}, true},
		{"1", []string{"[::1]"}, false},
		{"127.0.0.1:3000", []string{"127.0.0.1", "localhost"}, true},
		{"", []string{"a.example"}, false},
	} {
		assert.Equal(t, tt.want, HostAllowed(asking(tt.host, false), tt.allowed), "%s %s", tt.host, tt.allowed)
	}
}

// Whatever the header holds, without patterns it is let in only if it is the
// request's own scheme, host and port, or https's over a clear hop, written as RFC
// 6454 6.2 writes an origin.
func FuzzOrigin(f *testing.F) {
	f.Add("a.example", "http://a.example", false)
	f.Add("a.example:443", "https://a.example", true)
	f.Add("[::1]:80", "http://[::1]", false)
	f.Add("::1", "http://[::1]", false) // no Host of a browser's
	f.Add("a.example", "http://a.example#", false)
	f.Add("a.example", "http://a.example@b.example", false)
	f.Add("a.example:", "http://a.example:", false)
	f.Fuzz(func(t *testing.T, host, origin string, secure bool) {
		got := OriginAllowed(asking(host, secure, origin), nil)
		scheme, port := "http://", ":80"
		if secure || strings.HasPrefix(strings.ToLower(origin), "https://") {
			scheme, port = "https://", ":443"
		}
		// All ways to write the default port, in the host and in the origin.
		forms := func(s string) []string {
			s = strings.ToLower(s)
			bare := strings.TrimSuffix(strings.TrimSuffix(s, port), ":")
			if strings.HasPrefix(bare, "[") != strings.HasSuffix(bare, "]") || !strings.HasPrefix(bare, "[") && strings.Contains(bare, ":") {
				bare = s // it was the end of an address, or there is another port
			}
			return []string{s, bare, bare + ":", bare + port}
		}
		same := false
		rest, ok := strings.CutPrefix(strings.ToLower(origin), scheme)
		for _, a := range forms(host) {
			for _, b := range forms(rest) {
				same = same || ok && a == b
			}
		}
		if got {
			require.True(t, same, "%q let in %q", host, origin)
			require.NotContains(t, rest, "/")
			require.NotContains(t, rest, "@")
			require.NotContains(t, rest, "?")
			require.NotContains(t, rest, "#")
		}
		// The other way round for what is plainly a host.
		if u, err := url.Parse(scheme + host); same && err == nil && u.Host == host && u.Hostname() != "" && !strings.ContainsAny(host, "%[") {
			require.True(t, got, "%q kept out %q", host, origin)
		}
		OriginAllowed(asking(host, secure, origin), []string{origin, "*", host})
	})
}
