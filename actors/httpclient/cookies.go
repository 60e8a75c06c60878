package httpclient

import (
	"net/http"
	"net/url"
	"strings"
)

// AddCookies adds what jar has for u to r, whose cookies are one line then, RFC 6265 5.4: net/http's
// AddCookie would lose all lines but the first.
func AddCookies(r *http.Request, jar http.CookieJar, u *url.URL) {
	if r.Header == nil {
		r.Header = http.Header{}
	}
	if own := r.Header["Cookie"]; len(own) > 1 {
		r.Header["Cookie"] = []string{strings.Join(own, "; ")}
	}
	for _, c := range jar.Cookies(u) {
		r.AddCookie(c)
	}
}
