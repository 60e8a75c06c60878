// Package dispatch runs the turns of actors on a few goroutines: mailboxes, the dispatcher that they wait for, and deadlines that
// signal them.
//
// It serves any actor of proto.actor, and knows nothing of connections. It is not covered by promises of compatibility.
package dispatch
