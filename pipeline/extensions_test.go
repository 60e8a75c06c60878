package pipeline

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/spindrift-go/spindrift/frame"
)

var pass Stage = func(up, down Sink) (Sink, Sink) { return up, down }

var errLevel = errors.New("no level")

// leveled is an extension with one parameter.
func leveled(name string, rsv byte, offers ...string) Extension {
	return Extension{
		Name: name,
		RSV:  rsv,
		Offer: func() (all []Params) {
			for _, level := range offers {
				all = append(all, Params{{"level", level}, {Name: "flag"}})
			}
			return all
		},
		Accept: func(offered Params) (Params, Stage, bool) {
			level, ok := offered.Get("level")
			return Params{{"level", level}}, pass, ok && level != "9"
		},
		Agree: func(answer Params) (Stage, error) {
			if _, ok := answer.Get("level"); !ok {
				return nil, errLevel
			}
			return pass, nil
		},
	}
}

// RFC 6455 9.1: what a client asks for.
func TestExtensionsOffer(t *testing.T) {
	plain := Extension{Name: "plain", Agree: func(Params) (Stage, error) { return nil, nil }}
	for name, tt := range map[string]struct {
		e    Extensions
		want string
		err  string
	}{
		"nothing":        {},
		"one":            {e: Extensions{Own: []Extension{plain}}, want: "plain"},
		"of a server":    {e: Extensions{Own: []Extension{{Name: "plain"}}}},
		"alternatives":   {e: Extensions{Own: []Extension{leveled("x", 0, "1", "2")}}, want: "x; level=1; flag, x; level=2; flag"},
		"no offer":       {e: Extensions{Own: []Extension{leveled("x", 0)}}},
		"with deflate":   {e: Extensions{&keep, []Extension{plain}}, want: "plain, permessage-deflate; client_max_window_bits"},
		"no token":       {e: Extensions{Own: []Extension{{Name: "pl ain", Agree: plain.Agree}}}, err: `extension "pl ain": names and values must be tokens`},
		"no name":        {e: Extensions{Own: []Extension{{Agree: plain.Agree}}}, err: `extension "": names and values must be tokens`},
		"value no token": {e: Extensions{Own: []Extension{leveled("x", 0, "1,2")}}, err: `extension "x; level=1,2; flag": names and values must be tokens`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := tt.e.Offer()
			assert.Equal(t, tt.want, got)
			if tt.err == "" {
				assert.NoError(t, err)
			} else {
				assert.EqualError(t, err, tt.err)
			}
		})
	}
}

// RFC 6455 9.1: what a server makes of it: the client's order counts, the first offer of each
// that can be honoured, and of two that use one bit the first.
func TestExtensionsAccept(t *testing.T) {
	own := []Extension{leveled("one", frame.RSV2), leveled("two", frame.RSV3), leveled("clash", frame.RSV2), leveled("bit1", frame.RSV1), {Name: "client"}}
	for name, tt := range map[string]struct {
		headers      []string
		want         string
		rsv          byte
		outer, inner int
	}{
		"nothing":             {},
		"unknown":             {headers: []string{"three; level=1, client"}},
		"one":                 {headers: []string{"one; level=1"}, want: "one; level=1", rsv: frame.RSV2, outer: 1},
		"two lines":           {headers: []string{"two; level=1", "one; level=2"}, want: "two; level=1, one; level=2", rsv: frame.RSV2 | frame.RSV3, outer: 2},
		"the second offer":    {headers: []string{"one; level=9, one, one; level=3, one; level=4"}, want: "one; level=3", rsv: frame.RSV2, outer: 1},
		"quoted":              {headers: []string{`one; level="3"`}, want: "one; level=3", rsv: frame.RSV2, outer: 1},
		"quoted, not a token": {headers: []string{`one; level="3,4"`}},
		"empty parameter":     {headers: []string{"one; level=1;"}},
		"empty value":         {headers: []string{"one; level="}},
		"bad name":            {headers: []string{"one; le/vel=1; level=1"}},
		"a bit twice":         {headers: []string{"clash; level=1, one; level=2"}, want: "clash; level=1", rsv: frame.RSV2, outer: 1},
		"deflate between":     {headers: []string{"one; level=1, permessage-deflate, two; level=2"}, want: "one; level=1, permessage-deflate, two; level=2", rsv: frame.RSV1 | frame.RSV2 | frame.RSV3, outer: 1, inner: 1},
		"deflate comes first": {headers: []string{"permessage-deflate, bit1; level=1"}, want: "permessage-deflate", rsv: frame.RSV1},
		"deflate comes late":  {headers: []string{"bit1; level=1, permessage-deflate"}, want: "bit1; level=1", rsv: frame.RSV1, outer: 1},
		"deflate twice":       {headers: []string{"permessage-deflate, permessage-deflate"}, want: "permessage-deflate", rsv: frame.RSV1},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := Extensions{&keep, own}.Accept(tt.headers)
			assert.NoError(t, err)
			assert.Equal(t, tt.want, strings.Join(a.List, ", "))
			assert.Equal(t, tt.rsv, a.RSV)
			assert.Len(t, a.Outer, tt.outer)
			assert.Len(t, a.Inner, tt.inner)
			assert.Equal(t, strings.Contains(tt.want, deflateName), a.Deflate != nil)
		})
	}
	a, err := Extensions{Compression: &keep}.Accept([]string{deflateName})
	assert.NoError(t, err)
	assert.Equal(t, []string{deflateName}, a.List, "without any of the program's own")
	bad := Extension{Name: "bad", Accept: func(Params) (Params, Stage, bool) { return Params{{"a", "b c"}}, nil, true }}
	_, err = Extensions{Own: []Extension{bad}}.Accept([]string{"bad"})
	assert.EqualError(t, err, `extension "bad; a=b c": names and values must be tokens`)
}

// RFC 9110 5.6.2: what is a token, byte by byte.
func TestIsToken(t *testing.T) {
	const all = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	for c := range 256 {
		is := strings.Contains(all, string([]byte{byte(c)}))
		assert.Equal(t, is, isToken(string([]byte{byte(c)})), "%q", c)
		assert.Equal(t, is, isToken(string([]byte{'a', byte(c)})), "%q", c)
	}
	assert.False(t, isToken(""))
	assert.True(t, isToken(all))
}

// RFC 6455 4.1, 9.1: the client's view of the answer.
func TestExtensionsAgree(t *testing.T) {
	own := []Extension{leveled("one", frame.RSV2, "1"), leveled("two", frame.RSV3, "1"), leveled("clash", frame.RSV2), leveled("bit1", frame.RSV1), {Name: "server"}}
	for name, tt := range map[string]struct {
		answer       string
		err          error
		outer, inner int
	}{
		"declined":           {},
		"one":                {answer: "one; level=1", outer: 1},
		"all":                {answer: "two; level=1, permessage-deflate, one; level=2", outer: 1, inner: 1},
		"not offered":        {answer: "three", err: errOtherExtension},
		"never offered":      {answer: "server", err: errOtherExtension},
		"not on these terms": {answer: "one", err: errLevel},
		"malformed":          {answer: "one; level=", err: errParse},
		"twice":              {answer: "one; level=1, one; level=1", err: errTwice},
		"a bit twice":        {answer: "one; level=1, clash; level=1", err: errBits},
		"deflate's bit":      {answer: "bit1; level=1, permessage-deflate", err: errBits},
		"of deflate":         {answer: "permessage-deflate, bit1; level=1", err: errBits},
		"deflate twice":      {answer: "permessage-deflate, permessage-deflate", err: errDuplicate},
		"deflate malformed":  {answer: "permessage-deflate; foo", err: errParameter},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := Extensions{&keep, own}.Agree([]string{tt.answer})
			assert.ErrorIs(t, err, tt.err)
			assert.Len(t, a.Outer, tt.outer)
			assert.Len(t, a.Inner, tt.inner)
			if tt.err == nil {
				assert.Equal(t, tt.answer, strings.Join(a.List, ", "))
			} else {
				assert.Zero(t, a)
			}
		})
	}
	_, err := Extensions{Compression: &keep}.Agree([]string{"one"})
	assert.ErrorIs(t, err, errOtherExtension)
	_, err = Extensions{}.Agree([]string{deflateName})
	assert.ErrorIs(t, err, errOtherExtension)
}
