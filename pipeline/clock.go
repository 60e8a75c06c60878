package pipeline

import "time"

// clock stands still while nothing is read because the handler is slow: the peer is
// not to blame for that.
func clock(s Status) time.Duration { return since1970(s.Now) - s.Unread }

// since1970 is a time of which many are kept: eight bytes.
func since1970(t time.Time) time.Duration { return time.Duration(t.UnixNano()) }

// maxAgain is how often a time that the peer has may begin anew, because we are late with
// reading what it sent.
const maxAgain = 3
