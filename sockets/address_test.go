package sockets

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParse(t *testing.T) {
	for address, want := range map[string]string{
		"ws://a.example":                  "http://a.example",
		"http://a.example":                "http://a.example",
		"https://a.example":               "https://a.example",
		"wss://a.example:444/b?c=d":       "https://a.example:444/b?c=d",
		"ws://bücher.example":             "http://xn--bcher-kva.example",
		"ws://BÜCHER.example:81/ü":        "http://xn--bcher-kva.example:81/%C3%BC",
		"ws://b%C3%BCcher.example":        "http://xn--bcher-kva.example",
		"ws://bu\u0308cher.example":       "http://xn--bcher-kva.example",
		"ws://faß.example":                "http://xn--fa-hia.example",
		"ws://日本語。jp/":                    "http://xn--wgv71a119e.jp/",
		"ws://me:you@bücher.example:8080": "http://me:you@xn--bcher-kva.example:8080",
		"ws://[fe80::1%25lo]:80/":         "http://[fe80::1%25lo]:80/",
		"ws://Under_Score.example":        "http://Under_Score.example",
	} {
		u, err := parse(address)
		if assert.NoError(t, err, address) {
			assert.Equal(t, want, u.String(), address)
		}
	}
	for _, address := range []string{"ws://b\u2028ü.example", "ws://xn--ü.example", "ws://-ü-.example"} {
		_, err := parse(address)
		assert.Error(t, err, address)
	}
}

// The name that is dialled, in the Host header and in TLS is DNS's.
func TestDialIDNA(t *testing.T) {
	w := newWorld(t, bare)
	addr, seen, _ := w.replying(agreed + "\r\n")
	u := w.client(w.handler())

	u.Dialer.NetDial = func(_ context.Context, _, to string) (net.Conn, error) {
		assert.Equal(t, "xn--bcher-kva.example:80", to)
		return net.Dial("tcp", addr)
	}
	conn, err := DialActor(t.Context(), w.system, "ws://bücher.example", u)
	require.NoError(t, err)
	assert.Equal(t, "xn--bcher-kva.example", (<-seen).Host)
	w.ended(conn)
}

// Whatever is dialled, the error is one line and tells no password.
func TestDialTellsNoPassword(t *testing.T) {
	w := newWorld(t, bare)
	u := w.client(w.handler())

	u.Dialer.NetDial = func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("nobody\nthere") }
	for _, address := range []string{
		"ws://me:SECRET@a.example",
		"ws://me:SEC%zzRET@a.example",
		"ws://me:SECRET@a.example:port",
		"ws://me:SECRET@a.example\r\nforged: line",
		"ws://me:SECRET\r\nforged: line@a.example",
		"ws://me:SEC/RET@a.example",
		"ws://me:123/SECRET@a.example",
		"ws://me:SEC RET@a.example",
		"ws://me:SEC#RET@a.example",
		"ws://me:SEC?RET@a.example",
		"ws://me:SEC@RET@a.example",
		"me:SECRET@a.example",
		"//me:SECRET@a.example",
		"ws:me:SECRET@a.example",
		"ws:/me:SECRET@a.example",
		"ftp://me:SECRET@a.example",
		"ws://me:SECRET@[::1",
		"ws://me:SECRET@",
		"ws://me:SECRET@ü..example/\x1b[31m",
		"ws://a.example/\u2028" + strings.Repeat("x", 10_000),
		" ws://me:SECRET@a.example",
		"ws://me%3ASECRET:SECRET@a.example/@",
		"\x7fws://me:SECRET@a.example",
	} {
		for _, dial := range []func() error{
			func() error { _, err := DialActor(t.Context(), w.system, address, u); return err },
			func() error { _, err := Connect(t.Context(), w.system, address, &u.Dialer); return err },
		} {
			err := dial()
			require.Error(t, err, address)
			for _, part := range []string{"SEC", "RET"} {
				if strings.Contains(address, "me:") {
					assert.NotContains(t, strings.ReplaceAll(err.Error(), "me%3ASECRET:xxxxx", ""), part, address)
				}
			}
			assert.NotRegexp(t, "[\x00-\x1f\x7f\u2028]", err.Error())
			assert.Less(t, len(err.Error()), 1200)
		}
	}
}
