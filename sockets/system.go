package sockets

import (
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"weak"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/asynkron/protoactor-go/extensions"
	"github.com/spindrift-go/spindrift/internal/registry"
)

// buckets is how many of the 1,024 buckets of a process registry are used, each of
// which has 32 locks and maps of its own.
const buckets = 8

// DefaultSystem is the actor system of whoever names none: Server, and the client; and
// Handler, Upgrade and Accept under another server than Server, for under a Server they
// take its system. It is made by NewSystem when it is first asked for.
func DefaultSystem() *actor.ActorSystem { return defaultSystem() }

var defaultSystem = sync.OnceValue(func() *actor.ActorSystem { return NewSystem() })

// systemFor is the actor system for the upgrade of r where none is named: that of the
// Server that r came to, or else the default.
func systemFor(r *http.Request) *actor.ActorSystem {
	if p := infoOf(r.Context()); p != nil {
		return orDefaultSystem(p.system)
	}
	return DefaultSystem()
}

func orDefaultSystem(system *actor.ActorSystem) *actor.ActorSystem {
	if system == nil {
		return DefaultSystem()
	}
	return system
}

// NewSystem is actor.NewActorSystem for a server: it logs nothing unless an option
// names a logger, and its process registry has 256 maps in place of 32,768. With
// those nearly every actor has a map to itself, of 240 bytes, and every garbage
// collection marks all 66,000 objects of an empty one (BenchmarkRegistry). And its
// actors have an address of their own, where those of all other local systems have the
// same: an actor of another system is not taken for one of its own. And its dead letters
// start no goroutine, so that one made in a bubble of testing/synctest leaves nothing
// behind. Any actor system will do for connections; this one costs less.
func NewSystem(options ...actor.ConfigOption) *actor.ActorSystem {
	system := actor.NewActorSystem(append([]actor.ConfigOption{actor.WithLoggerFactory(Quiet)}, options...)...)
	registry.Shrink(system, buckets)
	setAddress(system)
	takeDeadLetters(system)
	return system
}

// address is what the PIDs of a system had before it was given one in a network.
type address string

var (
	addressID = extensions.NextExtensionID()
	systems   atomic.Int64
	local     sync.Map // of address: a weak.Pointer to the system that has it; whose actor a PID is
)

// ExtensionID makes address an extension of its actor system.
func (address) ExtensionID() extensions.ExtensionID { return addressID }

func setAddress(system *actor.ActorSystem) {
	own := address(fmt.Sprint("local-", systems.Add(1)))
	system.Extensions.Register(own)
	local.Store(own, weak.Make(system))
	runtime.AddCleanup(system, func(own address) { local.Delete(own) }, own)
	processes := system.ProcessRegistry
	processes.Address = string(own)
	processes.RegisterAddressResolver(func(pid *actor.PID) (actor.Process, bool) { // once the system has another
		if pid.Address != string(own) {
			return nil, false
		}
		process, _ := processes.GetLocal(pid.Id)
		return process, true
	})
}

// isLocal reports whether pid is an actor of system. Systems that were not made by
// NewSystem have the same address if they have none in a network: they cannot be told
// apart.
func isLocal(system *actor.ActorSystem, pid *actor.PID) bool {
	before, ok := system.Extensions.Get(addressID).(address)
	if !ok {
		before = "nonhost"
	}
	return pid.Address == system.Address() || pid.Address == string(before)
}

// systemOf is the actor system that pid is of, if NewSystem made it and it had no address in a
// network when pid was made; else the default one.
func systemOf(pid *actor.PID) *actor.ActorSystem {
	if p, ok := local.Load(address(pid.GetAddress())); ok {
		if system := p.(weak.Pointer[actor.ActorSystem]).Value(); system != nil {
			return system
		}
	}
	return DefaultSystem()
}

// Quiet is a logger factory for actor.WithLoggerFactory that makes an actor
// system log nothing.
func Quiet(*actor.ActorSystem) *slog.Logger { return slog.New(slog.DiscardHandler) }
