package pipeline

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// RFC 7692 7.1: what a client asks for.
func TestOffer(t *testing.T) {
	for _, tt := range []struct {
		c    Compression
		want string
	}{
		{Compression{}, "permessage-deflate; client_no_context_takeover; server_no_context_takeover; client_max_window_bits"},
		{Compression{ContextTakeover: true}, "permessage-deflate; client_max_window_bits"},
		{Compression{ContextTakeover: true, WindowBits: 10}, "permessage-deflate; client_max_window_bits=10"},
		{Compression{ContextTakeover: true, PeerWindowBits: 9}, "permessage-deflate; server_max_window_bits=9; client_max_window_bits"},
		{Compression{ContextTakeover: true, WindowBits: 15, PeerWindowBits: 15}, "permessage-deflate; client_max_window_bits"},
		{Compression{ContextTakeover: true, WindowBits: 3, PeerWindowBits: 99}, "permessage-deflate; client_max_window_bits=8"},
	} {
		assert.Equal(t, tt.want, tt.c.Offer(), "%+v", tt.c)
	}
}

var keep = Compression{ContextTakeover: true}

// RFC 7692 5.1, 7.1: what a server makes of it.
func TestAccept(t *testing.T) {
	for _, tt := range []struct {
		name    string
		c       Compression
		headers []string
		want    string // empty: declined
	}{
		{"nothing", keep, nil, ""},
		{"empty header", keep, []string{"", " , ,"}, ""},
		{"plain", keep, []string{"permessage-deflate"}, "permessage-deflate"},
		{"no takeover is our default", Compression{}, []string{"permessage-deflate"},
			"permessage-deflate; server_no_context_takeover; client_no_context_takeover"},
		{"flags are honoured", keep, []string{"permessage-deflate; client_no_context_takeover; server_no_context_takeover"},
			"permessage-deflate; server_no_context_takeover; client_no_context_takeover"},
		{"client bits without a value", keep, []string{"permessage-deflate; client_max_window_bits"}, "permessage-deflate"},
		{"client bits with a value", keep, []string{"permessage-deflate; client_max_window_bits=10"}, "permessage-deflate; client_max_window_bits=10"},
		{"we ask for less", Compression{ContextTakeover: true, PeerWindowBits: 9}, []string{"permessage-deflate; client_max_window_bits"}, "permessage-deflate; client_max_window_bits=9"},
		{"less than offered", Compression{ContextTakeover: true, PeerWindowBits: 9}, []string{"permessage-deflate; client_max_window_bits=12"}, "permessage-deflate; client_max_window_bits=9"},
		{"less was offered", Compression{ContextTakeover: true, PeerWindowBits: 12}, []string{"permessage-deflate; client_max_window_bits=9"}, "permessage-deflate; client_max_window_bits=9"},
		{"client cannot be told bits", Compression{ContextTakeover: true, PeerWindowBits: 9}, []string{"permessage-deflate"}, "permessage-deflate; client_no_context_takeover"},
		{"server bits", keep, []string{"permessage-deflate; server_max_window_bits=10"}, "permessage-deflate; server_max_window_bits=10"},
		{"server bits 8", keep, []string{"permessage-deflate; server_max_window_bits=8"}, "permessage-deflate; server_max_window_bits=8"},
		{"server bits 15", keep, []string{"permessage-deflate; server_max_window_bits=15"}, "permessage-deflate; server_max_window_bits=15"},
		{"server uses less", Compression{ContextTakeover: true, WindowBits: 9}, []string{"permessage-deflate; server_max_window_bits=12"}, "permessage-deflate; server_max_window_bits=9"},
		{"quoted", keep, []string{`permessage-deflate; server_max_window_bits="10"`}, "permessage-deflate; server_max_window_bits=10"},
		{"quoted pair", keep, []string{`permessage-deflate; server_max_window_bits="\1\0"`}, "permessage-deflate; server_max_window_bits=10"},
		{"white space", keep, []string{" \tpermessage-deflate ;\tserver_max_window_bits = 10 ; client_max_window_bits "}, "permessage-deflate; server_max_window_bits=10"},
		// RFC 7692 7.1.3
		{"first of two", keep, []string{"permessage-deflate; client_max_window_bits; server_max_window_bits=10, permessage-deflate; client_max_window_bits"}, "permessage-deflate; server_max_window_bits=10"},
		{"second after a bad one", keep, []string{"permessage-deflate; server_max_window_bits=7, permessage-deflate; client_no_context_takeover"}, "permessage-deflate; client_no_context_takeover"},
		{"among others", keep, []string{`x-webkit-deflate-frame; a="b,permessage-deflate;c", permessage-foo`, "permessage-deflate"}, "permessage-deflate"},
		{"name in a quoted string", keep, []string{`foo; a=", permessage-deflate, "`}, ""},

		{"no bits", keep, []string{"permessage-deflate; server_max_window_bits"}, ""},
		{"empty bits", keep, []string{"permessage-deflate; server_max_window_bits="}, ""},
		{"empty client bits", keep, []string{"permessage-deflate; client_max_window_bits="}, ""},
		{"empty quoted bits", keep, []string{`permessage-deflate; client_max_window_bits=""`}, ""},
		{"leading zero", keep, []string{"permessage-deflate; server_max_window_bits=010"}, ""},
		{"zero 9", keep, []string{"permessage-deflate; client_max_window_bits=09"}, ""},
		{"sign", keep, []string{"permessage-deflate; client_max_window_bits=+9"}, ""},
		{"too few", keep, []string{"permessage-deflate; client_max_window_bits=7"}, ""},
		{"too many", keep, []string{"permessage-deflate; client_max_window_bits=16"}, ""},
		{"huge", keep, []string{"permessage-deflate; client_max_window_bits=99999999999999999999999"}, ""},
		{"not a number", keep, []string{"permessage-deflate; client_max_window_bits=ten"}, ""},
		{"space in the number", keep, []string{`permessage-deflate; client_max_window_bits=" 10"`}, ""},
		{"flag with a value", keep, []string{"permessage-deflate; server_no_context_takeover=1"}, ""},
		{"unknown parameter", keep, []string{"permessage-deflate; foo"}, ""},
		{"empty parameter", keep, []string{"permessage-deflate;"}, ""},
		{"empty parameter first", keep, []string{"permessage-deflate;; client_max_window_bits"}, ""},
		{"only a value", keep, []string{"permessage-deflate; =10"}, ""},
		{"duplicate flag", keep, []string{"permessage-deflate; client_no_context_takeover; client_no_context_takeover"}, ""},
		{"duplicate bits", keep, []string{"permessage-deflate; server_max_window_bits=10; server_max_window_bits=10"}, ""},
		{"duplicate client bits", keep, []string{"permessage-deflate; client_max_window_bits; client_max_window_bits=10"}, ""},
		{"duplicate client bits, other order", keep, []string{"permessage-deflate; client_max_window_bits=10; client_max_window_bits"}, ""},
		{"half a quoted string", keep, []string{`permessage-deflate; server_max_window_bits="10`}, ""},
		{"quote inside", keep, []string{`permessage-deflate; server_max_window_bits="1"0"`}, ""},
		{"quoted pair of nothing", keep, []string{`permessage-deflate; server_max_window_bits="10\"`}, ""},
		{"other case", keep, []string{"Permessage-Deflate"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			answer, p, ok := tt.c.Accept(tt.headers)
			assert.Equal(t, tt.want, answer)
			assert.Equal(t, tt.want != "", ok)
			if !ok {
				assert.Zero(t, p)
			}
		})
	}
}

// RFC 9110 5.6.4: a separator inside a quoted string is none, and what is behind a backslash there
// is what it is.
func TestCutElement(t *testing.T) {
	for list, want := range map[string][2]string{
		`a, b`: {"a", " b"}, `"a", b`: {`"a"`, " b"}, `"ab", c`: {`"ab"`, " c"}, `"a,b", c`: {`"a,b"`, " c"},
		`"a\"", b`: {`"a\""`, " b"}, `"a\\", b`: {`"a\\"`, " b"}, `a\, b`: {`a\`, " b"}, `\"a,b", c`: {`\"a,b"`, " c"},
	} {
		element, rest, more := cutElement(list, ',')
		assert.Equal(t, want, [2]string{element, rest}, list)
		assert.True(t, more, list)
	}
	for _, list := range []string{"", "a", `"a,b`, `"a\",b`, `"\`} {
		element, rest, more := cutElement(list, ',')
		assert.Equal(t, list, element)
		assert.Empty(t, rest)
		assert.False(t, more)
	}
}

func TestUnquote(t *testing.T) {
	for s, want := range map[string]string{
		`""`: "", `"a"`: "a", `"a\b"`: "ab", `"\""`: `"`, `"\\"`: `\`, "": "", "a": "a", `"`: `"`, `"a`: `"a`, `a"`: `a"`, `"\"`: `"\"`, `"a"b"`: `"a"b"`,
	} {
		assert.Equal(t, want, unquote(s))
	}
}

// RFC 7692 7.1: the client's view of the answer.
func TestAgree(t *testing.T) {
	small := Compression{ContextTakeover: true, WindowBits: 10, PeerWindowBits: 12}
	for _, tt := range []struct {
		name    string
		c       Compression
		headers []string
		want    DeflateParams
		ok      bool
		err     error
	}{
		{"declined", keep, nil, DeflateParams{}, false, nil},
		{"declined by an empty header", keep, []string{""}, DeflateParams{}, false, nil},
		{"accepted", keep, []string{"permessage-deflate"}, DeflateParams{false, false, 15, 15}, true, nil},
		{"we do not take over", Compression{}, []string{"permessage-deflate"}, DeflateParams{false, true, 15, 15}, true, nil},
		{"all of it", keep, []string{"permessage-deflate; client_max_window_bits=9; server_no_context_takeover; server_max_window_bits=8; client_no_context_takeover"},
			DeflateParams{true, true, 8, 9}, true, nil},
		{"quoted", keep, []string{`permessage-deflate; server_max_window_bits="10"`}, DeflateParams{false, false, 10, 15}, true, nil},
		{"within the offer", small, []string{"permessage-deflate; server_max_window_bits=11; client_max_window_bits=9"}, DeflateParams{false, false, 11, 9}, true, nil},
		{"our own limit", small, []string{"permessage-deflate; server_max_window_bits=12"}, DeflateParams{false, false, 12, 10}, true, nil},

		{"server exceeds", small, []string{"permessage-deflate; server_max_window_bits=13"}, DeflateParams{}, false, errNotOffered},
		{"server ignores", small, []string{"permessage-deflate"}, DeflateParams{}, false, errNotOffered},
		{"client bits exceed", small, []string{"permessage-deflate; server_max_window_bits=12; client_max_window_bits=11"}, DeflateParams{}, false, errNotOffered},
		{"client bits without a value", keep, []string{"permessage-deflate; client_max_window_bits"}, DeflateParams{}, false, errParameter},
		{"unknown parameter", keep, []string{"permessage-deflate; foo=1"}, DeflateParams{}, false, errParameter},
		{"out of range", keep, []string{"permessage-deflate; server_max_window_bits=16"}, DeflateParams{}, false, errParameter},
		{"duplicate parameter", keep, []string{"permessage-deflate; server_no_context_takeover; server_no_context_takeover"}, DeflateParams{}, false, errParameter},
		{"other extension", keep, []string{"permessage-bzip2"}, DeflateParams{}, false, errOtherExtension},
		{"other extension too", keep, []string{"permessage-deflate, foo"}, DeflateParams{}, false, errOtherExtension},
		{"twice", keep, []string{"permessage-deflate, permessage-deflate"}, DeflateParams{}, false, errDuplicate},
		{"twice, two headers", keep, []string{"permessage-deflate", "permessage-deflate"}, DeflateParams{}, false, errDuplicate},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, ok, err := tt.c.Agree(tt.headers)
			assert.Equal(t, tt.want, p)
			assert.Equal(t, tt.ok, ok)
			assert.ErrorIs(t, err, tt.err)
		})
	}
}

// Whatever two of us ask for, both mean the same afterwards, and nobody gets more
// than asked for.
func TestNegotiation(t *testing.T) {
	var all []Compression
	for _, takeover := range []bool{false, true} {
		for _, send := range []int{0, 8, 9, 12, 15} {
			for _, recv := range []int{0, 8, 9, 12, 15} {
				all = append(all, Compression{ContextTakeover: takeover, WindowBits: send, PeerWindowBits: recv})
			}
		}
	}
	for _, client := range all {
		for _, server := range all {
			answer, accepted, ok := server.Accept([]string{client.Offer()})
			require.True(t, ok)
			agreed, ok, err := client.Agree([]string{answer})
			require.NoError(t, err, "%+v %+v %q", client, server, answer)
			require.True(t, ok)
			require.Equal(t, accepted, agreed, "%+v %+v %q", client, server, answer)
			require.LessOrEqual(t, agreed.ServerMaxWindowBits, windowBits(client.PeerWindowBits))
			require.LessOrEqual(t, agreed.ClientMaxWindowBits, min(windowBits(client.WindowBits), windowBits(server.PeerWindowBits)))
			require.Equal(t, !client.ContextTakeover || !server.ContextTakeover, agreed.ServerNoContextTakeover)
			require.Equal(t, !client.ContextTakeover || !server.ContextTakeover, agreed.ClientNoContextTakeover)
		}
	}
}

// A header of 16 KiB costs what its bytes cost: nothing is kept of what is declined.
func TestAcceptLongHeader(t *testing.T) {
	for _, part := range []string{",", ";", `"`, `\`, "permessage-deflate,", "permessage-deflate;", "permessage-deflate; server_max_window_bits=7,", `a="b",`} {
		header := []string{strings.Repeat(part, 16<<10/len(part))}
		allocs := testing.AllocsPerRun(1, func() { keep.Accept(header) })
		assert.LessOrEqual(t, allocs, 4.0, "%q", part)
		_, _, err := keep.Agree(header)
		if err != nil {
			assert.Less(t, len(err.Error()), 600)
		}
	}
}

func addHeaderSeeds(f *testing.F) {
	for _, h := range []string{
		"", ",", "permessage-deflate", "permessage-deflate; client_max_window_bits", "permessage-deflate; server_max_window_bits=10",
		`permessage-deflate; client_max_window_bits="9"; server_no_context_takeover, permessage-deflate`,
		`foo; a="\",permessage-deflate", permessage-deflate;client_no_context_takeover`, `permessage-deflate; server_max_window_bits="1\`,
	} {
		f.Add(h, "", false, 0, 0)
		f.Add(h, "permessage-deflate", true, 9, 12)
	}
}

// A server's answer is one that a client which offered just that takes, and
// grants no more than was offered.
func FuzzAccept(f *testing.F) {
	addHeaderSeeds(f)
	f.Fuzz(func(t *testing.T, h1, h2 string, takeover bool, send, recv int) {
		c := Compression{ContextTakeover: takeover, WindowBits: send, PeerWindowBits: recv}
		answer, p, ok := c.Accept([]string{h1, h2})
		if !ok {
			require.Empty(t, answer)
			return
		}
		got, err := parseDeflate(answer)
		require.NoError(t, err, answer)
		require.False(t, got.anyClientBits)
		require.Equal(t, p.ServerNoContextTakeover, got.serverNoTakeover)
		require.Equal(t, p.ClientNoContextTakeover, got.clientNoTakeover)
		var offer deflateHeader
		for e := range extensions([]string{h1, h2}) {
			if offer, err = parseDeflate(e); err == nil {
				break
			}
		}
		require.NoError(t, err)
		require.True(t, got.serverNoTakeover || !offer.serverNoTakeover)
		require.Equal(t, offer.serverBits != 0, got.serverBits != 0)
		require.LessOrEqual(t, got.serverBits, offer.serverBits)
		require.LessOrEqual(t, p.ServerMaxWindowBits, windowBits(offer.serverBits))
		require.True(t, got.serverBits == 0 || got.serverBits <= windowBits(send))
		if got.clientBits != 0 {
			require.True(t, offer.clientBits != 0 || offer.anyClientBits)
			require.LessOrEqual(t, got.clientBits, windowBits(offer.clientBits))
			require.Equal(t, got.clientBits, p.ClientMaxWindowBits)
		}
	})
}

// Whatever a server answers, a client that agrees got what it asked for.
func FuzzAgree(f *testing.F) {
	addHeaderSeeds(f)
	f.Fuzz(func(t *testing.T, h1, h2 string, takeover bool, send, recv int) {
		c := Compression{ContextTakeover: takeover, WindowBits: send, PeerWindowBits: recv}
		p, ok, err := c.Agree([]string{h1, h2})
		if err != nil || !ok {
			require.Zero(t, p)
			require.False(t, ok)
			return
		}
		require.True(t, p.ClientNoContextTakeover || takeover)
		require.True(t, p.ServerMaxWindowBits >= 8 && p.ServerMaxWindowBits <= windowBits(recv))
		require.True(t, p.ClientMaxWindowBits >= 8 && p.ClientMaxWindowBits <= windowBits(send))
	})
}
