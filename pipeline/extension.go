package pipeline

import (
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
)

// Compression is what a user asks of permessage-deflate, RFC 7692. The zero
// value is a good default. A number outside its range counts as the nearest one
// inside.
type Compression struct {
	Level           int  // 1, fast, to 9, small; 0: 1. A window under 15 bits has one level only
	Threshold       int  // bytes: shorter messages go uncompressed; 0: 512; negative: compress every message
	ContextTakeover bool // keep the window between messages where the peer allows it: smaller messages, more memory and work
	WindowBits      int  // the largest window for what this side sends, 8 to 15; 0: 15
	PeerWindowBits  int  // the largest window held for what the peer sends, 8 to 15: it is asked to use no more; 0: 15
	MaxRatio        int  // inflated to compressed bytes, judged past 1 MiB inflated; 0: 100; negative: no limit
}

// DeflateParams is what both sides agreed on, RFC 7692 7.1. Window bits that
// nobody spoke of are 15.
type DeflateParams struct {
	ServerNoContextTakeover bool
	ClientNoContextTakeover bool
	ServerMaxWindowBits     int
	ClientMaxWindowBits     int
}

const (
	deflateName      = "permessage-deflate"
	serverNoTakeover = "server_no_context_takeover"
	clientNoTakeover = "client_no_context_takeover"
	serverBits       = "server_max_window_bits"
	clientBits       = "client_max_window_bits"

	minBits = 8
	maxBits = 15
)

var (
	errOtherExtension = errors.New("extension that was not offered")
	errParameter      = errors.New("bad parameter of " + deflateName)
	errDuplicate      = errors.New(deflateName + " accepted twice")
	errNotOffered     = errors.New(deflateName + " with more than was offered")
)

// Offer returns a client's Sec-WebSocket-Extensions value. It always offers
// client_max_window_bits.
func (c Compression) Offer() string {
	var b strings.Builder
	b.WriteString(deflateName)
	if !c.ContextTakeover {
		addFlag(&b, clientNoTakeover)
		addFlag(&b, serverNoTakeover)
	}
	if n := windowBits(c.PeerWindowBits); n < maxBits {
		addBits(&b, serverBits, n)
	}
	if n := windowBits(c.WindowBits); n < maxBits {
		addBits(&b, clientBits, n)
	} else {
		addFlag(&b, clientBits)
	}
	return b.String()
}

// Accept is the server's choice: the first offer among all header lines that it
// can honour, and the Sec-WebSocket-Extensions value that says so. Anything else
// in the headers is declined in silence; ok is false if nothing is left.
func (c Compression) Accept(headers []string) (answer string, p DeflateParams, ok bool) {
	for element := range extensions(headers) {
		if o, err := parseDeflate(element); err == nil {
			answer, p = c.accept(o)
			return answer, p, true
		}
	}
	return "", DeflateParams{}, false
}

// accept answers a valid offer. Every one can be honoured.
func (c Compression) accept(o deflateHeader) (string, DeflateParams) {
	p := DeflateParams{
		ServerNoContextTakeover: o.serverNoTakeover || !c.ContextTakeover,
		ClientNoContextTakeover: o.clientNoTakeover || !c.ContextTakeover,
		ServerMaxWindowBits:     windowBits(o.serverBits),
		ClientMaxWindowBits:     windowBits(o.clientBits),
	}
	if o.serverBits != 0 { // what nobody asked for is not said, but kept to
		p.ServerMaxWindowBits = min(p.ServerMaxWindowBits, windowBits(c.WindowBits))
	}
	peer := windowBits(c.PeerWindowBits)
	if o.clientBits != 0 || o.anyClientBits {
		p.ClientMaxWindowBits = min(p.ClientMaxWindowBits, peer)
	} else if peer < maxBits {
		// RFC 7692 7.1.2.2: this client cannot be told to use a smaller window; it
		// can be told not to keep the one it uses.
		p.ClientNoContextTakeover = true
	}
	var b strings.Builder
	b.WriteString(deflateName)
	if p.ServerNoContextTakeover {
		addFlag(&b, serverNoTakeover)
	}
	if p.ClientNoContextTakeover {
		addFlag(&b, clientNoTakeover)
	}
	if o.serverBits != 0 {
		addBits(&b, serverBits, p.ServerMaxWindowBits)
	}
	if o.clientBits != 0 || o.anyClientBits && p.ClientMaxWindowBits < maxBits {
		addBits(&b, clientBits, p.ClientMaxWindowBits)
	}
	return b.String(), p
}

// Agree is the client's check of the server's answer to Offer: ok is false if
// the server declined. err is not nil if it accepted something that was not
// offered, and the connection must fail (RFC 7692 7.1).
func (c Compression) Agree(headers []string) (p DeflateParams, ok bool, err error) {
	for element := range extensions(headers) {
		o, err := parseDeflate(element)
		if err == nil && ok {
			err = errDuplicate
		}
		if err == nil {
			p, err = c.agree(o)
		}
		if err != nil {
			return DeflateParams{}, false, fmt.Errorf("%w: %.100q", err, element)
		}
		ok = true
	}
	return p, ok, nil
}

func (c Compression) agree(o deflateHeader) (DeflateParams, error) {
	p := DeflateParams{
		ServerNoContextTakeover: o.serverNoTakeover,
		ClientNoContextTakeover: o.clientNoTakeover || !c.ContextTakeover,
		ServerMaxWindowBits:     windowBits(o.serverBits),
		ClientMaxWindowBits:     min(windowBits(c.WindowBits), windowBits(o.clientBits)),
	}
	switch {
	case o.anyClientBits: // RFC 7692 7.1.2.2: in an answer it has a value
		return p, errParameter
	case o.clientBits > windowBits(c.WindowBits), p.ServerMaxWindowBits > windowBits(c.PeerWindowBits):
		return p, errNotOffered
	}
	return p, nil
}

func windowBits(n int) int {
	if n == 0 {
		return maxBits
	}
	return min(max(n, minBits), maxBits)
}

func addFlag(b *strings.Builder, name string) {
	b.WriteString("; ")
	b.WriteString(name)
}

func addBits(b *strings.Builder, name string, n int) {
	addFlag(b, name)
	b.WriteByte('=')
	b.WriteString(strconv.Itoa(n))
}

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
