package httpclient

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Whatever may be written is one request, with no more headers than were given.
func FuzzValidate(f *testing.F) {
	f.Add("GET", "/a", "b=c", "a.example", "X", "1")
	f.Add("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET", "/\r\n", "a\r\nb", "a\r\nX: y", "X\r\nY", "1\r\nY: 2")
	f.Add("POST", "//a b", " ", "ü\nX: y", "Content-Length", "5")
	f.Add("", "", "\x00", "", "Transfer-Encoding", "chunked")
	f.Add("connect", "*", "", "[::1%25\r\n]", "Host", "b")
	f.Fuzz(func(t *testing.T, method, path, query, host, name, value string) {
		for _, u := range []*url.URL{{Path: path, RawQuery: query}, {Opaque: path, RawQuery: query}, {RawPath: path, Path: path, Host: host}} {
			r := &http.Request{Method: method, URL: u, Host: host, Header: http.Header{name: {value}}}
			if validate(r) != nil {
				continue
			}
			var b bytes.Buffer
			if r.Write(&b) != nil {
				continue
			}
			in := bufio.NewReader(&b)
			head := b.String()
			require.Equal(t, 1, strings.Count(head, "\r\n\r\n"))
			require.LessOrEqual(t, strings.Count(head, "\n"), 6, "%q", head) // request, Host, User-Agent, Content-Length, the one given, the end
			got, err := http.ReadRequest(in)
			if err != nil {
				continue // net/http's server is stricter: nothing else is seen in it
			}
			rest, _ := io.ReadAll(in)
			require.Empty(t, rest, "%q", head)
			if method != "" {
				require.Equal(t, method, got.Method)
			}
		}
	})
}
