package sockets

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

type aKey struct{}

// What is kept for its values has none of net/http's contexts around it, and every value.
func TestValuesOfARequestsContext(t *testing.T) {
	var ctx context.Context
	var kept connContext
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		ctx = context.WithValue(r.Context(), aKey{}, "of middleware")
		kept = newConnContext(r.Context(), new(life))
	}))
	defer s.Close()
	_, err := http.Get(s.URL)
	require.NoError(t, err)
	require.Nil(t, kept.values.Value(http.LocalAddrContextKey), "it is kept in less")
	require.Equal(t, ctx.Value(http.LocalAddrContextKey), kept.Value(http.LocalAddrContextKey))
	require.Equal(t, s.Listener.Addr(), kept.Value(http.LocalAddrContextKey))
	require.Same(t, s.Config, kept.Value(http.ServerContextKey))
	under := newConnContext(ctx, new(life))
	require.Equal(t, "of middleware", under.Value(aKey{}))
	require.Equal(t, s.Listener.Addr(), under.Value(http.LocalAddrContextKey))
	mine := &net.TCPAddr{IP: net.ParseIP("fe80::1"), Port: 80, Zone: "eth0"}
	for want, outer := range map[net.Addr]context.Context{
		mine:                     context.WithValue(under.values, http.LocalAddrContextKey, mine),
		(*net.TCPAddr)(nil):      context.WithValue(context.Background(), http.LocalAddrContextKey, (*net.TCPAddr)(nil)),
		&net.UnixAddr{Name: "x"}: context.WithValue(context.Background(), http.LocalAddrContextKey, &net.UnixAddr{Name: "x"}),
	} {
		c := newConnContext(outer, new(life))
		require.Equal(t, want, c.Value(http.LocalAddrContextKey), "what is further outside counts, whatever it is")
	}

	parent, cancel := context.WithCancel(context.WithValue(context.Background(), aKey{}, 1))
	child, cancelChild := context.WithCancel(parent)
	bare := newConnContext(child, new(life)).values
	require.Equal(t, context.WithoutCancel(context.WithValue(context.Background(), aKey{}, 1)), bare, "nothing but the values")
	cancelChild()
	cancel()
	require.NoError(t, bare.Err())
}
