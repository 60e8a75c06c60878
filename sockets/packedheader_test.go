package sockets

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// What is packed is what comes out, whatever a program has put into a header.
func TestPackedHeader(t *testing.T) {
	h := http.Header{
		"Cookie": {"a=1", "b=2"}, "User-Agent": {}, "X-Empty": {""}, "not canonical": {"line\nline\r\n\x00"}, "": {"é"},
		"X-Long": {strings.Repeat("x", 20_000)}, "Upgrade": {"websocket"}, "Sec-Websocket-Key": {"key"},
	}
	packed := pack(make([]byte, 3), h, nil)
	assert.Equal(t, h, packed.header())
	packed.header().Set("Cookie", "c=3")
	assert.Equal(t, h, packed.header(), "each is another")
	assert.Equal(t, http.Header{}, pack(nil, nil, nil).header())
	delete(h, "Upgrade")
	delete(h, "Sec-Websocket-Key")
	assert.Equal(t, h, pack(nil, h, ofHandshake).header())
}
