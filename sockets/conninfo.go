package sockets

import (
	"context"
	"net"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/actors"
	"github.com/spindrift-go/spindrift/internal/errorlog"
)

// connInfo is what a server knows of the connection that a request came by.
type connInfo struct {
	conn     net.Conn      // in actor mode
	upgraded *connSet      // of its server
	log      *errorlog.Log // of its server
	system   *actor.ActorSystem
	listener *connListener // by ListenerFor; nil: that of all connections
}

type connInfoKey struct{}

// infoOf is what the Server says of a request with ctx; nil: it came by another one, or
// middleware has replaced its context.
func infoOf(ctx context.Context) *connInfo {
	p, _ := ctx.Value(connInfoKey{}).(*connInfo)
	return p
}

// connSet is the upgraded connections of one server, or of a handler under other servers,
// and how many there may be.
type connSet struct {
	group        actors.Group
	total, perIP int      // 0: no cap
	options      *Options // of its server, for all; nil: the defaults
	observers    []*Observer
}

func (c *connSet) capped() bool { return c != nil && (c.total > 0 || c.perIP > 0) }
