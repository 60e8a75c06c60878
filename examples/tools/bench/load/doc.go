// Package load drives a WebSocket or HTTP server on this machine and measures what comes back.
//
// One thread polls one epoll descriptor, writes bytes that were encoded beforehand and reads no more of an answer than
// its frame headers and its first bytes. It is meant to cost less than any server it drives, and reports how long it
// had something to do, so that a run limited by the load can be told from one limited by the server.
//
// It is not a WebSocket client: it answers no pings, sends no Close frames and ends its connections with a reset.
package load
