package actors

import "github.com/spindrift-go/spindrift/pipeline"

// What a stream is at: three facts with a name for each of their values, so that no two of them
// can contradict each other. A debug build checks after every turn that they, and the flags of
// stream and output, fit together: state_on.go lists what may not be.
//
// What the handler is still told, which never goes back:
//
//	hearing      begins with                              the handler is told
//	hearsAll     the connection                           what leaves the top
//	heardClosed  Closed, as it is handed over             nothing: that was the last
//	hearsNothing its stop, its panic, or a lost node      nothing, not even Closed
//
// Whether the socket is read. A turn leaves it paused only with a pauseReason for that:
//
//	reading       while                                        time in it is held against the peer
//	reads         nothing has stopped it                       yes
//	pausedByPeer  it takes too little of its output            yes
//	pausedByUs    the handler has enough, or has said Pause,   no
//	              or a stage holds enough for it
//
// What is known of the peer's end, which never goes back:
//
//	peerEnd     begins with                               the socket
//	endUnknown  the connection                            is read
//	endAhead    the poller, which has seen it             is read: the end comes behind what is there
//	endReached  a read that has returned it, or failed    is not read any more
//
// How far an end has come is in endState and endDue. It goes from top to bottom, and may skip some:
//
//	nothing        the connection lives
//	writeErr       a write has failed: our half is closed, the peer's is read to its end
//	hangup         the pipeline has asked for the end: what waits is written, then our half is closed
//	endDue         the end comes with the turn's: finish, and the behaviour is ended

type hearing uint8

const (
	hearsAll hearing = iota
	heardClosed
	hearsNothing
)

type reading uint8

const (
	reads reading = iota
	pausedByPeer
	pausedByUs
)

type peerEnd uint8

const (
	endUnknown peerEnd = iota
	endAhead
	endReached
)

// endState is why and how a connection is to end.
type endState struct {
	hangup   *pipeline.Hangup // how the pipeline has asked for it; nil: it has not
	writeErr error            // of the last write: what the peer sent before is still read
	cause    error            // of an end that the pipeline did not ask for
	timed    bool             // boundEnd or readTheRest has set a time
	closes   bool             // our Close has gone out, and the peer's is behind what it sent before
}

// beginEnding returns the endState, which there is from then on.
func (s *stream) beginEnding() *endState { return &s.makeRare().ends }

// hangup is how the pipeline has asked for the end, or nil.
func (s *stream) hangup() *pipeline.Hangup { return s.rarely().ends.hangup }

// writeError is why nothing is written any more, or nil.
func (s *stream) writeError() error { return s.rarely().ends.writeErr }

// cause is why the connection ends, if the pipeline did not ask for it, or nil.
func (s *stream) cause() error { return s.rarely().ends.cause }
