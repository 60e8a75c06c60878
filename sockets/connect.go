package sockets

import (
	"context"
	"net"
	"net/url"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/actors"
	"github.com/spindrift-go/spindrift/actors/httpclient"
)

// Connect opens an HTTP connection to an http, https, ws or wss URL and returns
// its actor. It answers each *http.Request sent to it with an *http.Response,
// whose body is in memory, or an error; an *UpgradeClient, which is answered with
// the response of 101, turns it into a WebSocket, or gets an error and leaves it as
// usable as the server does. Cookies are those of d's Jar, unless the UpgradeClient's
// Dialer has one.
//
// A nil system is DefaultSystem.
//
// As long as it speaks HTTP it costs a goroutine, which reads. Stop it to close it. It
// ends by itself when the server closes the connection or sends what nobody has asked
// for.
func Connect(ctx context.Context, system *actor.ActorSystem, address string, d *Dialer) (*actor.PID, error) {
	if d == nil {
		d = new(Dialer)
	}
	pid, err := connect(ctx, system, address, d)
	if err != nil {
		return nil, &dialError{"connect", address, err}
	}
	return pid, nil
}

// maxBody is the most that is kept of a response's body.
const maxBody = 1 << 20

func connect(ctx context.Context, system *actor.ActorSystem, address string, d *Dialer) (*actor.PID, error) {
	system = orDefaultSystem(system)
	base, err := parse(address)
	if err != nil {
		return nil, err
	}
	open := func(ctx context.Context) (net.Conn, error) { return d.dial(ctx, base) }
	nc, err := within(ctx, d.timeout(), open, httpclient.Cut)
	if err != nil {
		return nil, err
	}
	pid := actors.RuntimeOf(system).Spawn()
	system.Root.Send(pid, d.connected(system, nc, base))
	return pid, nil
}

func (d *Dialer) connected(system *actor.ActorSystem, nc net.Conn, base *url.URL) *actors.Connect {
	return &actors.Connect{
		Conn:    nc,
		Base:    base,
		Timeout: d.timeout(),
		MaxBody: maxBody,
		Jar:     d.Jar,
		Upgrade: func(message any) actors.ClientUpgrader {
			u, ok := message.(*UpgradeClient)
			if !ok || u == nil {
				return nil
			}
			jar := u.Dialer.Jar
			if jar == nil {
				jar = d.Jar
			}
			return clientUpgrade{u, system, jar, observe(u.handshakeAt(base), u.observers())}
		},
	}
}
