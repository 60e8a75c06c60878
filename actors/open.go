package actors

import (
	"errors"
	"net"

	"github.com/asynkron/protoactor-go/actor"
)

var errUpgradeFailed = errors.New(upgradeFailed)

// Open starts the connection that plan describes over nc, whose peer has agreed to it and of
// which first has been read already. The error says that a stage has panicked.
func (rt *Runtime) Open(nc net.Conn, first []byte, plan *Plan) (pid *actor.PID, err error) {
	opened := make(chan struct{})
	rt.dispatcher.Schedule(func() {
		c := rt.newConn()
		c.mailbox.Reserve()
		pid = rt.spawn(c, rt.system.ProcessRegistry.NextId())
		c.mailbox.RunFirst(func() {
			err = errUpgradeFailed
			defer close(opened)
			defer c.rescue()
			c.become(plan, rt.poller.Open(nc, &c.mailbox, plan.Portable), first)
			err = nil
		})
	})
	<-opened
	return pid, err
}
