package main

import (
	"bytes"
	"flag"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// parse parses flags written in one line, with an environment written as NAME=value.
func parse(line string, environment ...string) (*options, error) {
	getenv := func(name string) string {
		for _, pair := range environment {
			if value, found := strings.CutPrefix(pair, name+"="); found {
				return value
			}
		}
		return ""
	}
	return parseOptions(strings.Fields(line), getenv, &bytes.Buffer{})
}

func TestParseOptions(t *testing.T) {
	o, err := parse("")
	require.NoError(t, err)
	assert.Equal(t, []string{"server", "client", "http2"}, o.roles)
	assert.True(t, o.selection.whole())
	assert.False(t, o.docker)

	o, err = parse("-roles client,client -cases 6.*,7 -thin -docker -update")
	require.NoError(t, err)
	assert.Equal(t, []string{"client"}, o.roles)
	assert.Equal(t, selection{patterns: []string{"6.*", "7"}, thin: true}, o.selection)
	assert.True(t, o.docker)
	assert.True(t, o.update)
}

func TestParseOptionsFromEnvironment(t *testing.T) {
	environment := []string{"CASES=6.* 7.1.1", "AUTOBAHN=docker", "AUTOBAHN_THIN=1"}
	o, err := parse("", environment...)
	require.NoError(t, err)
	assert.Equal(t, selection{patterns: []string{"6.*", "7.1.1"}, thin: true}, o.selection)
	assert.True(t, o.docker)

	o, err = parse("-cases 1 -docker=false -thin=false", environment...)
	require.NoError(t, err)
	assert.Equal(t, selection{patterns: []string{"1"}}, o.selection)
	assert.False(t, o.docker, "a flag wins")
}

func TestParseOptionsRefuses(t *testing.T) {
	for line, want := range map[string]string{
		"-nonsense":     "flag provided but not defined: -nonsense",
		"6.*":           `"6.*" is not a flag (a part of the suite is -cases '6.*')`,
		"-roles proxy":  `-roles has "proxy": it may have server, client and http2`,
		"-roles=":       "-roles is empty: it may have server, client and http2",
		"-parallel 0":   "-parallel is 0: it must be 1 or more",
		"-timeout -1s":  "-timeout is -1s: it must be more than 0",
		"-timeout soon": `invalid value "soon" for flag -timeout: parse error`,
	} {
		_, err := parse(line)
		assert.EqualError(t, err, want)
	}
	_, err := parse("", "AUTOBAHN=podman")
	assert.EqualError(t, err, `AUTOBAHN is "podman": it may be kosoku or docker`)
	_, err = parse("", "AUTOBAHN_THIN=slim")
	assert.EqualError(t, err, `AUTOBAHN_THIN is "slim": it may be 1 or 0`)
}

func TestHelp(t *testing.T) {
	var out bytes.Buffer
	_, err := parseOptions([]string{"-h"}, func(string) string { return "" }, &out)
	assert.ErrorIs(t, err, flag.ErrHelp)
	for _, name := range []string{"-cases", "-roles", "-thin", "-docker", "-update"} {
		assert.Contains(t, out.String(), "  "+name)
	}
}
