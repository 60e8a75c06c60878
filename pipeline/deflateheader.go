package pipeline

import (
	"errors"
	"iter"
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

// unquote returns what a quoted string says; anything else stays as it is.
func unquote(s string) string {
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return s
	}
	var b strings.Builder
	for rest := s[1 : len(s)-1]; rest != ""; rest = rest[1:] {
		if rest[0] == '\\' {
			rest = rest[1:]
		} else if rest[0] == '"' {
			return s
		}
		if rest == "" {
			return s
		}
		b.WriteByte(rest[0])
	}
	return b.String()
}

// extensions lists the elements of all headers, in order, without empty ones.
func extensions(headers []string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, rest := range headers {
			for more := true; more; {
				var element string
				element, rest, more = cutElement(rest, ',')
				if element != "" && !yield(element) {
					return
				}
			}
		}
	}
}

// cutElement takes the first element off a list, without the white space around it. A
// separator inside a quoted string is none.
func cutElement(list string, separator byte) (element, rest string, more bool) {
	quoted := false
	for i := 0; i < len(list); i++ {
		switch c := list[i]; {
		case c == '"':
			quoted = !quoted
		case c == '\\' && quoted:
			i++
		case c == separator && !quoted:
			return strings.Trim(list[:i], " \t"), list[i+1:], true
		}
	}
	return strings.Trim(list, " \t"), "", false
}
