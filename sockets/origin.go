package sockets

import (
	"net"
	"net/http"
	"net/url"
	"path"
	"strings"
)

// OriginAllowed reports whether a request may come from the web page it says it
// comes from, RFC 6455 10.2: one without Origin (not a browser's), one of the
// same scheme, host and port, or one whose origin matches a pattern. A pattern
// is matched, in lower case and as package path matches, against the whole
// origin if it has "://" and against its host and port otherwise, where a default
// port may be left out: "*.example.com", "https://example.com:8443".
//
// Behind a proxy that ends TLS the scheme is not the same: list the origin.
func OriginAllowed(r *http.Request, patterns []string) bool {
	values := r.Header["Origin"]
	if len(values) == 0 {
		return true
	}
	origin := strings.ToLower(values[0])
	u, err := url.Parse(origin)
	if len(values) > 1 || err != nil || u.Host == "" || origin != u.Scheme+"://"+u.Host { // RFC 6454 6.2: there is no more to it
		return false
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	if u.Scheme == scheme && withPort(u.Host, scheme) == withPort(strings.ToLower(r.Host), scheme) {
		return true
	}
	bare := strings.TrimSuffix(u.Host, defaultPorts[u.Scheme])
	for _, p := range patterns {
		p, prefix := strings.ToLower(p), ""
		if strings.Contains(p, "://") {
			prefix = u.Scheme + "://"
		}
		for _, host := range []string{u.Host, bare} {
			if ok, _ := path.Match(p, prefix+host); ok {
				return true
			}
		}
	}
	return false
}

var defaultPorts = map[string]string{"http": ":80", "https": ":443"}

// withPort adds the default port of scheme to a host that names none.
func withPort(host, scheme string) string {
	if _, port, err := net.SplitHostPort(host); err == nil && port != "" {
		return host
	}
	port := "80"
	if scheme == "https" {
		port = "443"
	}
	return strings.TrimSuffix(host, ":") + ":" + port
}
