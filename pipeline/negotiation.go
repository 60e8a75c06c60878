package pipeline

import (
	"fmt"
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
