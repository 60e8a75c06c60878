package rooms

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// Whoever is refused a thousand times a second does not fill the log.
func TestServerLogIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []string
		l := newServerLog(func(err error) { told = append(told, err.Error()) })
		for range 1000 {
			l.Errorf("%s - rid:%d - authentication error\n", "192.0.2.1:1", 7)
		}
		require.Equal(t, strings.Repeat("rooms: NATS: 192.0.2.1:1 - rid:7 - authentication error|", sayings), strings.Join(told, "|")+"|")
		time.Sleep(quiet)
		told = nil
		l.Errorf("again")
		require.Len(t, told, 2)
		require.Contains(t, told[0], "990 more")
		require.Equal(t, "rooms: NATS: again", told[1])
		l.Errorf("Error trying to connect to route (attempt %v): %v", 1, "refused")
		require.Len(t, told, 2, "nodes begin together")
		l.Errorf("Error trying to connect to route (attempt %v): %v", fifth, "refused")
		require.Len(t, told, 3)
		l.close()
		l.Errorf("the end")
		require.Len(t, told, 3)
	})
}
