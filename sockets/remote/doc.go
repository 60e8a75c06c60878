// Package remote puts frame handlers on other nodes. After Start, a PID of another node is a
// FrameHandler like any other, and a connection's PID can be sent to from any node:
//
//	node, err := remote.Start(system, remote.Config{Addr: "10.0.0.7:7000", TLS: members})
//	mux.Handle("/chat", &sockets.Handler{System: system, FrameHandler: actor.NewPID("10.0.0.8:7000", "chat")})
//
// The node that has the socket is the connection's gateway; the node that has the handler is its
// worker; a node may be both. The handler's code does not know: it gets Upgraded with the
// request, frames, RoundTripTime, Backpressure, Drained, Dropped and Closed, and sends frames,
// *frame.Error, Leave, Flush, Pause, Resume, Cut and SetOptions. Protobuf messages of the
// program's own cross as well, between any two actors. What cannot cross is refused in one line:
// Options.StreamOver and an UpgradeServer.Value of another kind at the upgrade; messages of other
// types, of a typed stage for instance, and SetStages when they are sent. Order is kept from actor to actor, and a slow
// handler is bounded by the same credit as on one machine.
//
// Nodes know of each other by links. A link is a stream of proto.actor's remote in either direction; it
// is up when both work, and it is lost when either ends, or when no answer comes for
// Config.Timeout. A link keeps books, which make the end exact:
//
//   - Its worker gives each handler one Closed for each Upgraded, last. Of a link that is lost it
//     has code 1006, and errors.Is(closed.Err, ErrLinkLost).
//   - Its gateway ends each connection whose handler cannot be heard any more with 1011, or gives it
//     to another handler: Config.Another.
//   - What was sent on a link that is lost is never delivered later.
//
// A node's address has its incarnation, which is another each time it starts: a message to a
// node that was restarted reaches nobody. So PIDs name a node by "host:port", for whoever is there
// now, or by what Node.Address returns.
//
// It does not discover nodes, restart handlers on other nodes, store messages, or carry rooms.
package remote
