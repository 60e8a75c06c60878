package pipeline

import (
	"errors"
	"fmt"
	"strings"
)

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
