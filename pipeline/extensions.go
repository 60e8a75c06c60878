package pipeline

import (
	"errors"
	"fmt"
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

// Extensions is what one side offers or accepts.
type Extensions struct {
	Compression *Compression // permessage-deflate; nil: not
	Own         []Extension  // in order of preference
}

// Agreed is what two sides have come to.
type Agreed struct {
	List    []string       // the extensions as the answer has them
	Deflate *DeflateParams // nil: no permessage-deflate
	RSV     byte           // bits that are in use
	Outer   []Stage        // of those before permessage-deflate in the answer: a message that goes out comes to them first, RFC 6455 9.1
	Inner   []Stage        // of those after it
}

var (
	errBits  = errors.New("extension with a bit that another uses")
	errTwice = errors.New("extension accepted twice")
	errParse = errors.New("malformed extension")
)

// Offer returns a client's Sec-WebSocket-Extensions, "" if it offers none. The error is a
// mistake of the program's.
func (e Extensions) Offer() (string, error) {
	var all []string
	for _, x := range e.Own {
		if x.Agree == nil {
			continue
		}
		offers := []Params{nil}
		if x.Offer != nil {
			offers = x.Offer()
		}
		for _, p := range offers {
			element, err := p.element(x.Name)
			if err != nil {
				return "", err
			}
			all = append(all, element)
		}
	}
	if e.Compression != nil {
		all = append(all, e.Compression.Offer())
	}
	return strings.Join(all, ", "), nil
}

// Accept is the server's choice among what the headers offer: of each extension the first
// offer that it can honour, in the client's order. What it cannot is declined in silence. The
// error is a mistake of the program's.
func (e Extensions) Accept(headers []string) (a Agreed, err error) {
	if e.Compression == nil && len(e.Own) == 0 {
		return a, nil
	}
	for element := range extensions(headers) {
		name, params, more := cutElement(element, ';')
		if e.Compression != nil && name == deflateName {
			if o, err := parseDeflate(element); err == nil && a.Deflate == nil && a.RSV&deflateBit == 0 {
				answer, p := e.Compression.accept(o)
				a.deflate(answer, p)
			}
			continue
		}
		x := e.find(name)
		if x == nil || x.Accept == nil || a.RSV&x.RSV != 0 || a.has(name) {
			continue
		}
		if offered, ok := parseParams(params, more); ok {
			if answer, stage, ok := x.Accept(offered); ok {
				answer, err := answer.element(name)
				if err != nil {
					return Agreed{}, err
				}
				a.add(x, answer, stage)
			}
		}
	}
	return a, nil
}

// Agree is the client's check of the server's answer to Offer. The error says what was not
// offered, or not on these terms: the handshake must fail, RFC 6455 4.1.
func (e Extensions) Agree(headers []string) (a Agreed, err error) {
	for element := range extensions(headers) {
		if err := e.agree(&a, element); err != nil {
			return Agreed{}, fmt.Errorf("%w: %.100q", err, element)
		}
	}
	return a, nil
}

func (e Extensions) agree(a *Agreed, element string) error {
	name, params, more := cutElement(element, ';')
	if e.Compression != nil && name == deflateName {
		o, err := parseDeflate(element)
		switch {
		case err != nil:
			return err
		case a.Deflate != nil:
			return errDuplicate
		case a.RSV&deflateBit != 0:
			return errBits
		}
		p, err := e.Compression.agree(o)
		a.deflate(element, p)
		return err
	}
	x := e.find(name)
	if x == nil || x.Agree == nil {
		return errOtherExtension
	}
	answer, ok := parseParams(params, more)
	switch {
	case !ok:
		return errParse
	case a.has(name):
		return errTwice
	case a.RSV&x.RSV != 0:
		return errBits
	}
	stage, err := x.Agree(answer)
	a.add(x, element, stage)
	return err
}

func (e Extensions) find(name string) *Extension {
	for i := range e.Own {
		if e.Own[i].Name == name {
			return &e.Own[i]
		}
	}
	return nil
}

// has reports whether an extension of the program's own is agreed on.
func (a *Agreed) has(name string) bool {
	for _, element := range a.List {
		if agreed, _, _ := cutElement(element, ';'); agreed == name {
			return true
		}
	}
	return false
}

func (a *Agreed) deflate(answer string, p DeflateParams) {
	a.List, a.Deflate = append(a.List, answer), &p
	a.RSV |= deflateBit
}

func (a *Agreed) add(x *Extension, answer string, stage Stage) {
	a.List = append(a.List, answer)
	a.RSV |= x.RSV
	switch {
	case stage == nil:
	case a.Deflate == nil:
		a.Outer = append(a.Outer, stage)
	default:
		a.Inner = append(a.Inner, stage)
	}
}
