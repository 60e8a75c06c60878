package sockets

import (
	"log/slog"

	"github.com/asynkron/protoactor-go/actor"
)

// buckets is how many of the 1,024 buckets of a process registry are used, each of
// which has 32 locks and maps of its own.
const buckets = 8

// NewSystem is actor.NewActorSystem for a server: it logs nothing unless an option
// names a logger, and its process registry has 256 maps in place of 32,768. With
// those nearly every actor has a map to itself, of 240 bytes, and every garbage
// collection marks all 66,000 objects of an empty one (BenchmarkRegistry). Any
// actor system will do for connections; this one costs less.
func NewSystem(options ...actor.ConfigOption) *actor.ActorSystem {
	system := actor.NewActorSystem(append([]actor.ConfigOption{actor.WithLoggerFactory(Quiet)}, options...)...)
	registry := system.ProcessRegistry
	all := registry.LocalPIDs.LocalPIDs
	few := &actor.SliceMap{LocalPIDs: append(all[:0:0], all[:buckets]...)}
	own := map[string]any{} // the system's processes: nobody else knows it yet
	for _, bucket := range all {
		bucket.IterCb(func(id string, process any) { own[id] = process })
	}
	for id, process := range own {
		registry.LocalPIDs.GetBucket(id).Remove(id)
		few.GetBucket(id).Set(id, process)
	}
	registry.LocalPIDs = few
	return system
}

// Quiet is a logger factory for actor.WithLoggerFactory that makes an actor
// system log nothing.
func Quiet(*actor.ActorSystem) *slog.Logger { return slog.New(slog.DiscardHandler) }
