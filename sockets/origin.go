package sockets

import (
	"net"
	"net/http"
	"net/url"
	"path"
	"strings"
)

// OriginAllowed reports whether a request may come from the web page it says it
// comes from, RFC 6455 10.2. It may if
//
//   - it has no Origin: a browser always sends one;
//   - the origin is of the same scheme, host and port as the request. Where TLS
//     has ended in front of us, at a proxy, the origin says https and the request
//     came without TLS: that is the same site too. An http origin over TLS is not;
//   - allowed has it.
//
// What is compared is the whole Origin in lower case, which is scheme://host, and
// :port unless that is the scheme's default. The scheme is the page's, http or
// https and never ws or wss, and there is no slash at the end. An entry of allowed
// is one of these:
//
//   - an origin, which allows itself: "https://example.com:8443", "null",
//     "file://", "http://[::1]:3000";
//   - a host and port, which allow any scheme; without a port they stand for the
//     scheme's default: "example.com";
//   - either of them with * for any number of characters and ? for one:
//     "*.example.com", "https://*.example.com". They never stand for "null" or an
//     origin without a host.
//
// The host of the request is compared with what the page itself has chosen, so
// none of this protects against DNS rebinding: Options.AllowedHosts does.
func OriginAllowed(r *http.Request, allowed []string) bool {
	values := r.Header["Origin"]
	switch len(values) {
	case 0:
		return true
	case 1:
	default:
		return false
	}
	origin := strings.ToLower(values[0])
	for _, entry := range allowed {
		if isOrigin(entry) && !isGlob(entry) && strings.ToLower(entry) == origin {
			return true
		}
	}
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" || origin != u.Scheme+"://"+u.Host { // RFC 6454 6.2: there is no more to it
		return false
	}
	if sameSite(r, u) {
		return true
	}
	for _, entry := range allowed {
		prefix := ""
		if isOrigin(entry) {
			prefix = u.Scheme + "://"
		}
		if matches(entry, prefix+u.Host) || matches(entry, prefix+strings.TrimSuffix(u.Host, defaultPorts[u.Scheme])) {
			return true
		}
	}
	return false
}

// sameSite compares an origin with the address that the request names.
func sameSite(r *http.Request, origin *url.URL) bool {
	switch {
	case origin.Scheme == "https": // over TLS to us, or to a proxy
	case origin.Scheme == "http" && r.TLS == nil:
	default:
		return false
	}
	return withPort(origin.Host, origin.Scheme) == withPort(strings.ToLower(r.Host), origin.Scheme)
}

func isOrigin(entry string) bool { return entry == "null" || strings.Contains(entry, "://") }

func isGlob(entry string) bool { return strings.ContainsAny(entry, "*?") }

// brackets are an IPv6 address's, and no class of characters.
var brackets = strings.NewReplacer(`\`, `\\`, `[`, `\[`, `]`, `\]`)

// matches compares s, in lower case, with an entry of a list.
func matches(entry, s string) bool {
	entry = strings.ToLower(entry)
	if !isGlob(entry) {
		return entry == s
	}
	ok, _ := path.Match(brackets.Replace(entry), s)
	return ok
}

// HostAllowed reports whether r names one of the hosts that allowed has, or allowed is
// empty. An entry is a host, which allows every port, or a host and port; * and ? are
// as in OriginAllowed.
//
// This is what protects against DNS rebinding: a page of evil.example, whose name was
// made to lead to our address, asks for evil.example, and its Origin says so as well.
func HostAllowed(r *http.Request, allowed []string) bool {
	host := strings.ToLower(r.Host)
	bare := host
	if name, _, err := net.SplitHostPort(host); err == nil {
		if bare = name; strings.Contains(name, ":") {
			bare = "[" + name + "]"
		}
	}
	for _, entry := range allowed {
		if matches(entry, host) || matches(entry, bare) {
			return true
		}
	}
	return len(allowed) == 0
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
