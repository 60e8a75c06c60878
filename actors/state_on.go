//go:build spindriftdebug

package actors

import (
	"fmt"
)

// checked says that check is called; a call that does nothing is still one that is deferred.
const checked = true

// check is called behind every turn, where nothing of one is under way any more. It ends the process if a connection
// is in a state that cannot be: a panic of this goroutine would be taken for that of a stage.
func (c *conn) check() {
	var wrong []string
	switch side := c.side.(type) {
	case *stream:
		wrong = failing(side.impossible())
	case *ended:
		wrong = failing(side.impossible())
	}
	if len(wrong) > 0 {
		go panic(fmt.Sprintf("actors: state of a connection that cannot be: %q", wrong))
	}
}

// impossible are combinations that no turn of a stream leaves behind, each with whether it is there.
func (s *stream) impossible() map[string]bool {
	why, out, hangup, failed := s.pauseReasons(), &s.out, s.hangup() != nil, s.failed() != nil
	timed := s.ends != nil && s.ends.timed
	sum := s.credit.recent
	for _, m := range s.credit.marks {
		sum.add(m.frames, m.bytes)
	}
	top, shared := s.top.(*sharedHandler)
	return map[string]bool{
		"cut, and no end":       s.cut,
		"a pipeline is missing": s.pipeline == nil,
		"a side of another":     s.side != side(s),

		"paused without a reason":                 s.reading != reads && why == 0,
		"paused for the peer, and it is not that": s.reading == paused && why != overloaded,
		"exempt for the peer":                     s.reading == exempt && why&^overloaded == 0,
		"read, and the handler has said Pause":    s.reading == reads && why&asked != 0,
		"read, and a stage holds enough":          s.reading == reads && why&held != 0,
		"paused, and nobody hears":                s.reading != reads && (hangup || s.hearing == hearsNothing),
		"input waits, and is not paused":          s.reading == reads && s.pauses != nil && s.pauses.pending.rest != nil,

		"failed, and our half is open":      failed && !out.halfClosed,
		"failed, and output waits":          failed && (out.blocked || out.waiting() > 0),
		"our half is closed for no reason":  out.halfClosed && !failed && !hangup,
		"closed, and output waits":          out.halfClosed && out.blocked,
		"failed, and to hang up":            failed && hangup, // that is an end at once
		"the end is timed and nothing ends": timed && !failed && !hangup,
		"both ends are there, and no end":   s.peerEnd == endReached && out.halfClosed && !failed,
		"blocked since never":               out.blocked && out.behind == progress{},

		"the flag of creditCheck": s.creditWatched != s.waitsFor(&creditCheck{}),
		"the flag of stallCheck":  out.stallWatched != s.waitsFor(&stallCheck{}),
		"the flag of slowCheck":   out.slowWatched != s.waitsFor(&slowCheck{}),

		"credit that nobody answers for":     sum != s.credit.load,
		"credit is negative":                 s.credit.frames < 0 || s.credit.bytes < 0,
		"nobody is on top":                   s.top == top0,
		"a shared handler's mailbox is ours": shared && s.handler != top.mailbox,
	}
}

var top0 top = nobody{}

// impossible are combinations that no turn of a connection that has ended leaves behind.
func (d *ended) impossible() map[string]bool {
	return map[string]bool{
		"no Closed was told, and there is who hears": d.hearing == hearsAll,
		"nobody is waited for":                       d.awaited <= 0,
		"a pipeline is left":                         d.pipeline != nil,
		"a turn's state is left":                     d.turnState != nil,
		"input is left":                              d.pauses != nil && d.pauses.pending.rest != nil,
		"output is left":                             d.out.buf != nil,
		"somebody waits":                             d.out.waiters != nil || d.out.offers != nil || d.subscriptions != nil,
	}
}

// waitsFor reports whether an event of the type of like is to come.
func (s *stream) waitsFor(like any) bool {
	for _, w := range s.timers.list {
		if sameType(w.event, like) {
			return true
		}
	}
	return false
}

func failing(all map[string]bool) (wrong []string) {
	for what, is := range all {
		if is {
			wrong = append(wrong, what)
		}
	}
	return wrong
}
