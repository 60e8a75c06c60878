package pipeline

import (
	"errors"
	"strconv"
	"strings"

	"github.com/spindrift-go/spindrift/frame"
)

const (
	deflateName      = "permessage-deflate"
	serverNoTakeover = "server_no_context_takeover"
	clientNoTakeover = "client_no_context_takeover"
	serverBits       = "server_max_window_bits"
	clientBits       = "client_max_window_bits"

	deflateBit = frame.RSV1

	minBits = 8
	maxBits = 15
)

var (
	errOtherExtension = errors.New("server chose an extension that was not offered")
	errParameter      = errors.New("bad parameter of " + deflateName)
	errDuplicate      = errors.New(deflateName + " accepted twice")
	errNotOffered     = errors.New(deflateName + " with more than was offered")
)

// deflateHeader is one permessage-deflate as a header says it; bits that it does
// not mention are 0.
type deflateHeader struct {
	serverNoTakeover bool
	clientNoTakeover bool
	anyClientBits    bool // client_max_window_bits without a value
	serverBits       int
	clientBits       int
}

// parseDeflate reads one element of an extension list, RFC 6455 9.1. Unknown,
// repeated and invalid parameters spoil all of it (RFC 7692 7.1).
func parseDeflate(element string) (o deflateHeader, err error) {
	name, rest, more := cutElement(element, ';')
	if name != deflateName {
		return o, errOtherExtension
	}
	for more {
		var param string
		param, rest, more = cutElement(rest, ';')
		if !o.set(param) {
			return o, errParameter
		}
	}
	return o, nil
}

// set takes a parameter; it reports false if it may not be there.
func (o *deflateHeader) set(param string) bool {
	name, value, valued := strings.Cut(param, "=")
	switch strings.TrimRight(name, " \t") {
	case serverNoTakeover:
		return !valued && once(&o.serverNoTakeover)
	case clientNoTakeover:
		return !valued && once(&o.clientNoTakeover)
	case serverBits:
		return valued && o.serverBits == 0 && parseBits(&o.serverBits, value)
	case clientBits:
		if o.anyClientBits || o.clientBits != 0 {
			return false
		}
		if !valued {
			return once(&o.anyClientBits)
		}
		return parseBits(&o.clientBits, value)
	}
	return false
}

func once(seen *bool) bool {
	again := *seen
	*seen = true
	return !again
}

// parseBits reads a window size, RFC 7692 7.1.2: 8 to 15 in decimal, no leading zero,
// as a token or a quoted string.
func parseBits(n *int, value string) bool {
	value = unquote(strings.TrimLeft(value, " \t"))
	for i := minBits; i <= maxBits; i++ {
		if value == strconv.Itoa(i) {
			*n = i
			return true
		}
	}
	return false
}
