// Package transport has the sockets of the connection actors: TCP that the operating system's poller watches, TLS over that, and
// any other net.Conn by goroutines that read and write.
//
// A Transport never blocks, and signals a mailbox when it is ready again. The package knows nothing of what is read or written, and
// nothing of actors but their mailboxes. It is not covered by promises of compatibility.
package transport
