package sockets

import (
	"crypto/sha1"
	"encoding/base64"
	"io"
	"net/http"
	"strings"
)

// AcceptKey is the Sec-WebSocket-Accept that answers key, RFC 6455 4.2.2.
func AcceptKey(key string) string {
	accept := acceptKey(key)
	return string(accept[:])
}

const acceptLen = 28 // of 20 bytes in base64

func acceptKey(key string) (accept [acceptLen]byte) {
	const guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
	sum := sha1.Sum(append(append(make([]byte, 0, 24+len(guid)), key...), guid...)) // a valid key has 24 bytes
	base64.StdEncoding.Encode(accept[:], sum[:])
	return accept
}

// refusal is an answer that turns an upgrade down: it says why in one line and
// closes, so that nothing which was pipelined behind the request is parsed.
func refusal(status int, why string, header ...string) *http.Response {
	r := &http.Response{
		StatusCode: status,
		Header:     http.Header{"Content-Type": {"text/plain; charset=utf-8"}, "X-Content-Type-Options": {"nosniff"}},
		Body:       io.NopCloser(strings.NewReader(why + "\n")),
		Close:      true,
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

// maxHeader is what the header of an upgrade may take, as far as net/http has
// kept it. Where it is left to us, the server reads no more than that either.
const maxHeader = 16 << 10

// check judges an opening handshake, RFC 6455 4.2.1. It returns the key, or the
// refusal.
func check(r *http.Request) (key string, refused *http.Response) {
	h := r.Header
	switch {
	case !hasToken(h["Upgrade"], "websocket"):
		return "", refusal(http.StatusUpgradeRequired, "this is a WebSocket endpoint: upgrade to websocket", "Upgrade", "websocket")
	case r.Method != http.MethodGet:
		return "", refusal(http.StatusBadRequest, "handshake method is not GET")
	case !r.ProtoAtLeast(1, 1):
		return "", refusal(http.StatusBadRequest, "handshake needs HTTP/1.1")
	case r.Host == "": // net/http lets an empty one pass
		return "", refusal(http.StatusBadRequest, "handshake names no host")
	case !hasToken(h["Connection"], "upgrade"):
		return "", refusal(http.StatusBadRequest, "Connection header has no upgrade")
	case r.ContentLength != 0 || len(r.TransferEncoding) > 0:
		return "", refusal(http.StatusBadRequest, "handshake has a body")
	case headerSize(r) > maxHeader:
		return "", refusal(http.StatusRequestHeaderFieldsTooLarge, "handshake header is too large")
	}
	if v := h["Sec-Websocket-Version"]; len(v) != 1 || v[0] != "13" {
		return "", refusal(http.StatusUpgradeRequired, "Sec-WebSocket-Version must be 13", "Sec-WebSocket-Version", "13", "Upgrade", "websocket")
	}
	keys := h["Sec-Websocket-Key"]
	if len(keys) != 1 || !validKey(keys[0]) {
		return "", refusal(http.StatusBadRequest, "Sec-WebSocket-Key must be there once and decode to 16 bytes")
	}
	return keys[0], nil
}

func validKey(key string) bool {
	if len(key) != 24 {
		return false
	}
	var b [18]byte
	n, err := base64.StdEncoding.Decode(b[:], []byte(key))
	return err == nil && n == 16
}

func headerSize(r *http.Request) int {
	n := len(r.Method) + len(r.RequestURI) + len(r.Proto) + len(r.Host)
	for name, values := range r.Header {
		for _, v := range values {
			n += len(name) + len(v) + len(": \r\n")
		}
	}
	return n
}

// hasToken reports whether the comma-separated lists in values have token, in any
// case and however they are split.
func hasToken(values []string, token string) bool {
	for _, v := range values {
		for t := range strings.SplitSeq(v, ",") {
			if strings.EqualFold(strings.Trim(t, " \t"), token) {
				return true
			}
		}
	}
	return false
}

// tokens lists what the comma-separated lists in values have.
func tokens(values []string) (list []string) {
	for _, v := range values {
		for t := range strings.SplitSeq(v, ",") {
			if t = strings.Trim(t, " \t"); t != "" {
				list = append(list, t)
			}
		}
	}
	return list
}

// choose picks the first subprotocol of ours that the client offers, "" if none.
func choose(ours, offered []string) string {
	for _, p := range ours {
		for _, o := range offered {
			if p == o {
				return p
			}
		}
	}
	return ""
}
