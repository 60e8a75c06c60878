package sockets

import (
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
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

// IsUpgrade reports whether r asks for a WebSocket, so that a route can have a page for
// all others: websocket is one of the protocols in its Upgrade header, RFC 9110 7.8, or
// it is an extended CONNECT to that protocol, RFC 8441, which [ExtendedConnect] shows as a GET. Whether the request is a valid
// handshake is Check's to say.
func IsUpgrade(r *http.Request) bool {
	if r.ProtoMajor >= 2 {
		return isWebSocket(r) && (r.Method == http.MethodConnect || r.Method == http.MethodGet)
	}
	return hasToken(r.Header["Upgrade"], "websocket")
}

// Subprotocols lists what r offers in Sec-WebSocket-Protocol, in the client's order of
// preference: for a Handler.New that chooses by the request.
func Subprotocols(r *http.Request) []string { return tokens(r.Header["Sec-Websocket-Protocol"]) }

// Check returns nil if r is an opening handshake as RFC 6455 4.2.1 has it, and else a
// *Refusal, which is how an upgrade would answer. What depends on Options (the origin,
// the host, the subprotocol) and on caps is not looked at.
func Check(r *http.Request) error {
	if _, refused := check(r); refused != nil {
		return refused
	}
	return nil
}

// check judges an opening handshake. It returns the key, or the refusal.
func check(r *http.Request) (key string, refused *Refusal) {
	h := r.Header
	if r.ProtoMajor >= 2 {
		return checkHTTP2(r)
	}
	switch {
	case !IsUpgrade(r):
		return "", refuse(http.StatusUpgradeRequired, "this is a WebSocket endpoint: upgrade to websocket", "Upgrade", "websocket")
	case r.Method != http.MethodGet:
		return "", refuse(http.StatusBadRequest, "handshake method is not GET")
	case !r.ProtoAtLeast(1, 1):
		return "", refuse(http.StatusBadRequest, "handshake needs HTTP/1.1")
	case r.Host == "": // net/http lets an empty one pass
		return "", refuse(http.StatusBadRequest, "handshake names no host")
	case !hasToken(h["Connection"], "upgrade"):
		return "", refuse(http.StatusBadRequest, "Connection header has no upgrade")
	case r.ContentLength != 0 || len(r.TransferEncoding) > 0:
		return "", refuse(http.StatusBadRequest, "handshake has a body")
	}
	if v := h["Sec-Websocket-Version"]; len(v) != 1 || v[0] != "13" {
		return "", refuse(http.StatusUpgradeRequired, "Sec-WebSocket-Version must be 13", "Sec-WebSocket-Version", "13", "Upgrade", "websocket")
	}
	keys := h["Sec-Websocket-Key"]
	if len(keys) != 1 || !validKey(keys[0]) {
		return "", refuse(http.StatusBadRequest, "Sec-WebSocket-Key must be there once and decode to 16 bytes")
	}
	return keys[0], nil
}

// checkHTTP2 judges an opening handshake over HTTP/2, RFC 8441 5. It has no key, but clients
// that send one want it answered.
func checkHTTP2(r *http.Request) (key string, refused *Refusal) {
	h := r.Header
	switch {
	case IsUpgrade(r):
	case r.Method == http.MethodConnect:
		return "", refuse(http.StatusNotImplemented, "CONNECT is not served here")
	default:
		return "", refuse(http.StatusBadRequest, "this is a WebSocket endpoint: upgrade to websocket over HTTP/1.1")
	}
	if r.Host == "" {
		return "", refuse(http.StatusBadRequest, "handshake names no host")
	}
	if v := h["Sec-Websocket-Version"]; len(v) != 1 || v[0] != "13" {
		return "", refuse(http.StatusBadRequest, "Sec-WebSocket-Version must be 13", "Sec-WebSocket-Version", "13")
	}
	if keys := h["Sec-Websocket-Key"]; len(keys) == 1 && validKey(keys[0]) {
		key = keys[0]
	}
	return key, nil
}

func validKey(key string) bool {
	if len(key) != 24 {
		return false
	}
	var b [18]byte
	n, err := base64.StdEncoding.Decode(b[:], []byte(key))
	return err == nil && n == 16
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

// subprotocol is what a server chooses for r, "" for none.
func (o *Options) subprotocol(r *http.Request) (string, error) {
	offered := Subprotocols(r)
	if o.ChooseSubprotocol == nil {
		return choose(o.Subprotocols, offered), nil
	}
	p, err := o.ChooseSubprotocol(r)
	if err == nil && p != "" && !slices.Contains(offered, p) { // RFC 6455 4.2.2
		err = fmt.Errorf("ChooseSubprotocol chose %q, which was not offered", p)
	}
	return p, err
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
