package rooms

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets"
)

// within bounds every wait; none lasts that long unless its test fails.
const within = 20 * time.Second

// member is a session that joins the room lobby of n under the name in its query, and sends
// there what its client says.
func member(n *Node) http.Handler {
	return sockets.Session(func(ctx context.Context, c *sockets.Conn) error {
		room, err := n.Room("lobby", nil)
		if err != nil {
			return err
		}
		if err := room.Join(c.PID(), c.Request().URL.Query().Get("name")); err != nil {
			return err
		}
		if err := c.SendText(ctx, "joined"); err != nil {
			return err
		}
		for m, err := range c.Messages(ctx) {
			if err != nil {
				return err
			}
			if err := room.Send(m); err != nil {
				return err
			}
		}
		return nil
	})
}

// place is a node of a test with its server.
type place struct {
	*testing.T
	*Node
	url  string
	told chan error // what OnError was told, the first hundred
}

func open(t *testing.T, c Config) *place {
	t.Helper()
	told := make(chan error, 100)
	c.OnError = func(err error) {
		t.Log(c.Name, err)
		select {
		case told <- err:
		default:
		}
	}
	n, err := Open(nil, c)
	require.NoError(t, err)
	t.Cleanup(n.Close)
	server := httptest.NewServer(member(n))
	t.Cleanup(server.Close)
	return &place{t, n, "ws" + strings.TrimPrefix(server.URL, "http"), told}
}

// cluster is nodes a, b, c and so on, of which each knows the first.
func cluster(t *testing.T, size int, c Config) (all []*place) {
	for i := range size {
		c.Name = string(rune('a' + i))
		if i > 0 {
			c.Routes = []string{all[0].Addr().String()}
		}
		all = append(all, open(t, c))
	}
	return all
}

// client is a member of the lobby.
type client struct {
	*testing.T
	*sockets.Conn
}

func dial(t *testing.T, url, name string) *client {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	c, err := sockets.Dial(ctx, url+"?name="+name, nil)
	require.NoError(t, err)
	t.Cleanup(func() { go c.Close(frame.Normal, "") })
	text, err := c.ReceiveText(ctx)
	require.NoError(t, err)
	require.Equal(t, "joined", text)
	return &client{t, c}
}

func (c *client) say(text string) {
	c.Helper()
	require.NoError(c, c.SendText(context.Background(), text))
}

// next is the next message, without those by which tests find out that nodes know each other.
func (c *client) next() string {
	c.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	for {
		text, err := c.ReceiveText(ctx)
		require.NoError(c, err)
		if !strings.HasPrefix(text, "anybody") {
			return text
		}
	}
}

// meet waits until what each of them says reaches all.
func meet(t *testing.T, clients ...*client) {
	t.Helper()
	for i, speaker := range clients {
		word := fmt.Sprint("anybody there? ", time.Now().UnixNano(), " ", i)
		ctx, cancel := context.WithCancel(context.Background())
		spoken := make(chan struct{})
		go func() {
			defer close(spoken)
			again := time.NewTicker(20 * time.Millisecond)
			defer again.Stop()
			for speaker.SendText(ctx, word) == nil {
				select {
				case <-again.C:
				case <-ctx.Done():
					return
				}
			}
		}()
		for _, c := range clients {
			late, stop := context.WithTimeout(ctx, within)
			for text := ""; text != word; {
				var err error
				text, err = c.ReceiveText(late)
				require.NoError(t, err)
			}
			stop()
		}
		cancel()
		<-spoken
	}
}

// names are those of the members, with their nodes.
func names(r sockets.Room) (all []string) {
	for _, m := range r.Members() {
		all = append(all, m.Name+"@"+m.Node)
	}
	slices.Sort(all)
	return all
}

func eventually(t *testing.T, what func() bool, about ...any) {
	t.Helper()
	if !assert.Eventually(t, what, within, 5*time.Millisecond, about...) {
		t.FailNow()
	}
}
