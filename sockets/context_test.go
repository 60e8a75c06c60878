package sockets

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

type aKey struct{}

// What is kept for its values has none of net/http's contexts around it, and every value.
func TestValuesOfARequestsContext(t *testing.T) {
	var ctx, kept context.Context
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		ctx = context.WithValue(r.Context(), aKey{}, "of middleware")
		kept = valuesOf(r.Context())
	}))
	defer s.Close()
	_, err := http.Get(s.URL)
	require.NoError(t, err)
	require.NotNil(t, kept.Value(http.LocalAddrContextKey))
	require.Same(t, s.Config, kept.Value(http.ServerContextKey))
	require.Equal(t, "of middleware", valuesOf(ctx).Value(aKey{}))
	require.NotNil(t, valuesOf(ctx).Value(http.LocalAddrContextKey))

	parent, cancel := context.WithCancel(context.WithValue(context.Background(), aKey{}, 1))
	child, cancelChild := context.WithCancel(parent)
	bare := valuesOf(child)
	require.Equal(t, context.WithoutCancel(context.WithValue(context.Background(), aKey{}, 1)), bare, "nothing but the values")
	cancelChild()
	cancel()
	require.NoError(t, bare.Err())
}
