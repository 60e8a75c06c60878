package httpclient

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The cookies of a request are one line, whoever they are from.
func TestAddCookies(t *testing.T) {
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	u := &url.URL{Scheme: "http", Host: "a.example"}
	for _, ours := range []string{"", "c=3"} {
		if ours != "" {
			jar.SetCookies(u, []*http.Cookie{{Name: "c", Value: "3"}})
		}
		for _, own := range []http.Header{nil, {}, {"Cookie": {"a=1"}}, {"Cookie": {"a=1", "b=2"}}} {
			want := strings.Trim(strings.Join(append(own["Cookie"], ours), "; "), "; ")
			r := &http.Request{Header: own}
			AddCookies(r, jar, u)
			require.Equal(t, want, strings.Join(r.Header["Cookie"], "\n"))
		}
	}
}
