package actors

import (
	"runtime/debug"

	"github.com/spindrift-go/spindrift/internal/errorlog"
)

// origin is where a connection came from, for the log.
type origin struct {
	peer, path string
	log        *errorlog.Log
	value      *any // Plan.Value; nil: there is none
}

// withoutPeer is the origin of what concerns connections of the same server, nobody knows which.
func (o *origin) withoutPeer() *origin {
	if o == nil {
		return &origin{}
	}
	return &origin{log: o.log}
}

// say writes a line that says where the connection came from. A nil origin is nowhere.
func (o *origin) say(what string, args ...any) {
	switch {
	case o == nil:
		errorlog.Fallback.Error(what, args...)
	case o.peer == "":
		o.log.Error(what, args...)
	default:
		o.log.Error(what, append([]any{"peer", o.peer, "path", o.path}, args...)...)
	}
}

// panicked is say for a panic that is under way.
func (o *origin) panicked(what string, reason any, args ...any) {
	o.say(what, append(args, "reason", reason, "stack", string(debug.Stack()))...)
}

func (o *origin) valueOf() any {
	if o == nil || o.value == nil {
		return nil
	}
	return *o.value
}
