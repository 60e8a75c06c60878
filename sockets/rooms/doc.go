// Package rooms has rooms over many nodes: a [Room] is a sockets.Room whose members are
// connections of any of them. It is a module of its own, so that NATS does not enter a program
// that does not ask for it.
//
//	node, err := rooms.Open(system, rooms.Config{Listen: ":6222", Routes: []string{"10.0.0.7:6222"}, TLS: mutual})
//	lobby, err := node.Room("lobby", nil)
//	err = lobby.Join(conn, "ann")         // a connection of this node
//	err = lobby.Send(frame.Text("hello")) // to the members on all of them
//
// Each node has a NATS server inside the process; they find each other by the routes of any one.
// Or a server that runs already carries the rooms, see Config.URL. A room costs one
// subscription on each node. A message crosses to a node once, and is one frame for all of its
// members there.
//
// Delivery is at most once. Messages of one sender arrive in order; who is connected to a node
// that lives misses none of them when another is killed, joins or freezes. What was on its way
// to or from a node that dies is lost, and so is what a node has missed while it was cut off for
// longer than NATS keeps it (it gives up a write after 10 s, and a peer for whom 64 MB wait). The history of a room is that of its node.
//
// The package has no store, no queue and no acknowledgements: for these use NATS itself.
package rooms
