package sockets

import (
	"bufio"
	"encoding/base64"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// valid is RFC 6455 4.2.1 once more, in other words: of a request that net/http
// has let pass.
func valid(r *http.Request) bool {
	list := func(name, token string) bool {
		all := strings.ToLower(strings.Join(r.Header.Values(name), ","))
		return regexp.MustCompile(`(^|,)[ \t]*` + token + `[ \t]*($|,)`).MatchString(all)
	}
	one := func(name string) string {
		if v := r.Header.Values(name); len(v) == 1 {
			return v[0]
		}
		return ""
	}
	key, err := base64.StdEncoding.DecodeString(one("Sec-WebSocket-Key"))
	body, _ := io.ReadAll(r.Body)
	return r.Method == "GET" && r.ProtoMajor == 1 && r.ProtoMinor > 0 && r.Host != "" &&
		list("Upgrade", "websocket") && list("Connection", "upgrade") &&
		one("Sec-WebSocket-Version") == "13" && err == nil && len(key) == 16 && !strings.ContainsAny(one("Sec-WebSocket-Key"), "\r\n") &&
		len(body) == 0 && r.TransferEncoding == nil && r.ContentLength <= 0
}

// FuzzHandshake: whatever a request is, check does not panic, takes what RFC 6455
// says and nothing else, and gives a reason that is fit to be sent.
func FuzzHandshake(f *testing.F) {
	f.Add(handshake("a.example"))
	f.Add(handshake("a.example", "Origin: http://a.example", "Sec-WebSocket-Protocol: a, b", "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"))
	f.Add(strings.Replace(handshake("a.example"), "Upgrade: websocket", "upgrade: h2c ,\tWebSocket", 1))
	f.Add(strings.Replace(handshake("a.example"), "13", "8, 13", 1))
	f.Add(strings.Replace(handshake("a.example"), sampleKey, "AAAAAAAAAAAAAAAAAAAAAB==", 1))
	f.Add(strings.Replace(handshake("a.example"), "HTTP/1.1", "HTTP/1.0", 1))
	f.Add(strings.Replace(handshake("a.example"), "GET", "POST", 1))
	f.Add(strings.Replace(handshake(""), "Host: ", "Host:", 1))
	f.Add(handshake("a.example", "Content-Length: 3") + "abc")
	f.Add(handshake("a.example", "Transfer-Encoding: chunked") + "0\r\n\r\n")
	f.Add(handshake("a.example", "Connection: close", "Upgrade:"))
	f.Fuzz(func(t *testing.T, request string) {
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(request)))
		if err != nil {
			return
		}
		key, refused := check(r)
		if refused != nil {
			assert.Empty(t, key)
			if r.ContentLength == 0 {
				require.False(t, valid(r), "%q is refused", request)
			}
			response := refused.response(r)
			body, err := io.ReadAll(response.Body)
			require.NoError(t, err)
			assert.Regexp(t, "^[^\r\n]+\n$", string(body))
			assert.Equal(t, r.ProtoMajor < 2, response.Close)
			assert.GreaterOrEqual(t, response.StatusCode, 400)
			assert.Equal(t, refused, Check(r))
			return
		}
		require.True(t, valid(r), "%q is taken", request)
		assert.True(t, IsUpgrade(r))
		assert.NoError(t, Check(r))
		assert.Equal(t, r.Header.Get("Sec-Websocket-Key"), key)
		protocol := choose([]string{"a"}, tokens(r.Header["Sec-Websocket-Protocol"]))
		answer, err := http.ReadResponse(bufio.NewReader(strings.NewReader(string(greeting(acceptKey(key), protocol, "")))), r)
		require.NoError(t, err)
		_, why := (&Options{Subprotocols: []string{"a"}}).judge(answer)
		assert.Empty(t, why, "our own client takes it")
	})
}
