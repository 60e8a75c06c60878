// Package registry makes the process registry of an actor system smaller.
package registry

import "github.com/asynkron/protoactor-go/actor"

// Shrink leaves the process registry of system the first of its 1,024 buckets, each of which has
// 32 locks and maps of its own. It is for a system that nobody else knows yet.
func Shrink(system *actor.ActorSystem, buckets int) {
	registry := system.ProcessRegistry
	all := registry.LocalPIDs.LocalPIDs
	few := &actor.SliceMap{LocalPIDs: append(all[:0:0], all[:buckets]...)}
	own := map[string]any{} // the system's processes
	for _, bucket := range all {
		bucket.IterCb(func(id string, process any) { own[id] = process })
	}
	for id, process := range own {
		registry.LocalPIDs.GetBucket(id).Remove(id)
		few.GetBucket(id).Set(id, process)
	}
	registry.LocalPIDs = few
}
