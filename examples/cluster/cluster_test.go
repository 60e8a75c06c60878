package main

import (
	"context"
	"fmt"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) { // the nodes are this program
	if spec := os.Getenv(nodeEnv); spec != "" {
		if err := runNode(spec); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// The buttons do what they say, and the clients see what the table of docs/cluster.md says.
func TestCluster(t *testing.T) {
	c, err := newCluster(os.Args[0])
	require.NoError(t, err)
	defer c.stop()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	page := httptest.NewServer(c.page())
	defer page.Close()
	press := func(node, what string) {
		t.Helper()
		r, err := page.Client().Post(page.URL+"/do/"+node+"/"+what, "", nil)
		require.NoError(t, err)
		r.Body.Close()
		require.Equal(t, 200, r.StatusCode)
	}
	until := func(what string, f func(s state) bool) {
		t.Helper()
		require.Eventually(t, func() bool { return f(c.state()) }, 20*time.Second, 10*time.Millisecond, "%s: %+v", what, c.state())
	}
	at := func(s state, worker string) (n int) {
		for where, count := range s.Where {
			if strings.HasSuffix(where, worker) && len(where) == 2 {
				n += count
			}
		}
		return n
	}
	ended := make(chan struct{})
	go func() {
		c.crowd(ctx, 8)
		close(ended)
	}()
	until("all are served", func(s state) bool { return at(s, "A")+at(s, "C") == 8 && at(s, "C") > 0 && s.Trips > 20 })
	until("all are in the room, on both gateways, as both know", func(s state) bool {
		return fmt.Sprint(s.Present) == "map[A:map[A:4 B:4] B:map[A:4 B:4]]" && s.Heard > 100
	})
	r, err := page.Client().PostForm(page.URL+"/say", url.Values{"text": {"hello, all of you"}})
	require.NoError(t, err)
	r.Body.Close()
	require.Equal(t, 200, r.StatusCode)
	until("all have heard it", func(s state) bool { return len(s.Said) == 1 && s.Said[0].Heard == 8 })
	assert.Equal(t, "hello, all of you", c.state().Said[0].Text)
	press("C", "kill")
	until("A has taken over", func(s state) bool { return at(s, "A") == 8 && s.Moved > 0 })
	assert.Empty(t, c.state().Ends, "nobody's connection ends")
	until("C is down", func(s state) bool { return !s.Nodes[2].Runs })
	press("C", "start")
	press("B", "roll")
	until("clients of B see 1001", func(s state) bool { return s.Ends["1001"] > 0 })
	until("B is down", func(s state) bool { return !s.Nodes[1].Runs })
	until("its members are gone", func(s state) bool { return fmt.Sprint(s.Present) == "map[A:map[A:4]]" })
	press("B", "start")
	until("all are back", func(s state) bool { return at(s, "A")+at(s, "C") == 8 && at(s, "C") > 0 })
	press("C", "roll")
	until("clients of C see 1012", func(s state) bool { return s.Ends["1012"] > 0 })
	assert.Zero(t, c.state().Missed, "who was there has heard all that was said in the room")
	cancel()
	<-ended
}
