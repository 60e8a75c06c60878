// Judge runs the Autobahn cases against the WebSocket programs of this module and compares every
// verdict with the one that is committed.
//
//	go run ./autobahn/judge                      both roles, all 517 cases
//	go run ./autobahn/judge -roles client        one role
//	go run ./autobahn/judge -cases '6.* 7.1.1'   a part
//	go run ./autobahn/judge -update              accept what the engine says
//
// It builds ./autobahn/server and ./autobahn/client, starts them as any program would, and lets an
// engine of somebody else's make talk to them: kosoku in a virtual environment of its own, or the
// original image under docker. It holds no opinion about a case: what the engine writes into
// index.json is the verdict, what is in the expectation files is the rule.
//
// The exit status is 0 when everything is as expected, 1 when a case differs or the run broke off,
// 2 when there was nothing to run with (a bad flag, no Python), and 130 after Ctrl-C. It does not
// test anything the engines do not: see ../README.md for what they leave out.
package main
