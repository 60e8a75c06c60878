package rooms

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// What a NATS server would take for something else, or try for ever, is refused.
func TestConfigOutOfRange(t *testing.T) {
	for want, c := range map[string]Config{
		`Config.Prefix "*"`:               {Prefix: "*"},
		`Config.Prefix "a.>"`:             {Prefix: "a.>"},
		`Config.Prefix "a b"`:             {Prefix: "a b"},
		`Config.Prefix "a."`:              {Prefix: "a."},
		`Config.PresenceTimeout`:          {PresenceTimeout: -1},
		`route "10.0.0.7": address 10.0.`: {Routes: []string{"10.0.0.7"}},
	} {
		n, err := Open(nil, c)
		if assert.ErrorContains(t, err, "rooms: open: "+want, want) {
			continue
		}
		n.Close()
	}
	n, err := Open(nil, Config{Prefix: "shop.eu-1"})
	if assert.NoError(t, err) {
		n.Close()
	}
}
