package pipeline

import (
	"fmt"
	"iter"
	"strings"
)

// Extension is an extension of the program's own, RFC 6455 9: how it is negotiated, as a
// server or as a client, and the stage that it then brings.
//
// The stage's place is between Text and Closing. So what it makes of a message is checked
// and limited as one that came without extensions. It gets data frames as Codec does: up, in
// pieces as they arrive, whose payload is borrowed until the call returns; down, a message or
// its fragments, which it must not change. It takes its bits out of what goes up, and sets
// them in the first frame of what goes down; a frame that it makes anew keeps the Fin, the
// Opcode and the other bits of the one that it stands for, and that one's Sent is called.
type Extension struct {
	Name string // a token, as in Sec-WebSocket-Extensions
	RSV  byte   // the bits of a message's first frame that it uses: frame.RSV2, say. Of two that use the same one at most is agreed on

	// Offer returns what a client offers: the parameters of each offer, the one that it likes
	// best first. nil: one offer, without parameters.
	Offer func() []Params

	// Accept is a server's: it looks at one offer of the client's, and says with which
	// parameters it accepts it, and what its stage is; false declines it. nil: it accepts none.
	Accept func(offered Params) (answer Params, stage Stage, ok bool)

	// Agree is a client's: it looks at the server's answer. An error fails the handshake. nil:
	// the client does not offer the extension.
	Agree func(answer Params) (stage Stage, err error)
}

// Param is a parameter of an extension. A Value is a token; "" is none.
type Param struct{ Name, Value string }

// Params are the parameters of an extension, in order.
type Params []Param

// Get returns the value of the first parameter with that name, and whether there is one.
func (p Params) Get(name string) (value string, ok bool) {
	for _, q := range p {
		if q.Name == name {
			return q.Value, true
		}
	}
	return "", false
}

// element is the extension as a header has it, RFC 6455 9.1.
func (p Params) element(name string) (string, error) {
	var b strings.Builder
	b.WriteString(name)
	valid := isToken(name)
	for _, q := range p {
		valid = valid && isToken(q.Name) && (q.Value == "" || isToken(q.Value))
		if addFlag(&b, q.Name); q.Value != "" {
			b.WriteByte('=')
			b.WriteString(q.Value)
		}
	}
	if !valid {
		return "", fmt.Errorf("extension %.100q: names and values must be tokens", b.String())
	}
	return b.String(), nil
}

// parseParams reads what stands behind the name in an element of an extension list, RFC 6455
// 9.1, if there is more.
func parseParams(list string, more bool) (p Params, ok bool) {
	for more {
		var param string
		param, list, more = cutElement(list, ';')
		name, value, valued := strings.Cut(param, "=")
		q := Param{strings.TrimRight(name, " \t"), unquote(strings.TrimLeft(value, " \t"))}
		if !isToken(q.Name) || valued && !isToken(q.Value) {
			return nil, false
		}
		p = append(p, q)
	}
	return p, true
}

// isToken reports whether s is a token, RFC 9110 5.6.2.
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0) {
			return false
		}
	}
	return s != ""
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
