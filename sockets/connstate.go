package sockets

// What a Conn is and what becomes of its input are two facts, and neither goes back.
//
// A Conn is in one of these phases, which only turns of the connection change:
//
//	phase        begins with             the program
//	connOpening  the Conn                waits for it: Accept, Dial
//	connOpen     Upgraded                has the Conn
//	connEnded    Closed                  receives what came before, and then how it has ended
//	connFailed   Closed and no Upgraded  is told why it has no Conn
//
// What comes is handled in one of these ways, which only the program changes:
//
//	intake     begins with                     messages that come  Receive returns
//	queueing   the Conn                        wait to be received  the next one; behind the last, the end
//	dropping   Discard                         are released         the end
//	abandoned  Close, Cut, a session's return  are released         the end. Who was first has asked for it
//
// While a session runs, the connection counts for a Shutdown: the marks behind Closed are passed when
// its function has returned, and not when Closed was received.

type connPhase uint8

const (
	connOpening connPhase = iota
	connOpen
	connEnded
	connFailed
)

// over reports whether Closed was handed over: nothing more comes.
func (p connPhase) over() bool { return p >= connEnded }

type intake uint8

const (
	queueing intake = iota
	dropping
	abandoned
)

// whenOpen waits for the turn in which the connection begins, which may be its last.
func (c *Conn) whenOpen() (*Conn, error) {
	<-c.opened
	c.opened = nil // 96 bytes
	if c.handshake == nil {
		return nil, c.closeError()
	}
	return c, nil
}
