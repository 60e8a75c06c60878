//go:build race

package remote

// proto.actor's remote sets grpc's logger, a global, each time it starts.
const racing = true
