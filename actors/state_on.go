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
	var wrong wrongs
	switch b := c.behaviour.(type) {
	case *stream:
		wrong = b.impossible()
	case *ended:
		wrong = b.impossible()
	}
	if len(wrong) > 0 {
		go panic(fmt.Sprintf("actors: state of a connection that cannot be: %q", wrong))
	}
}

// wrongs collects what is wrong. It costs nothing where nothing is.
type wrongs []string

func (w *wrongs) add(what string, is bool) {
	if is {
		*w = append(*w, what)
	}
}

// impossible are the combinations that no turn of a stream leaves behind and that are there.
func (s *stream) impossible() (wrong wrongs) {
	why, out, hangup, failed := s.pauseReasons(), &s.out, s.hangup() != nil, s.writeError() != nil
	timed := s.rarely().ends.timed
	named, shared := s.top.(*sharedTop)
	wrong.add("the end is due, and the turn is over", s.endDue)
	wrong.add("a pipeline is missing", s.pipeline == nil)
	wrong.add("a behaviour of another", s.behaviour != behaviour(s))

	// A goroutine that writes for us may have taken the rest by now: then Writable is on its way.
	wrong.add("paused by the peer without a reason", s.reading == pausedByPeer && !out.blocked)
	wrong.add("paused by the peer, and it is not that", s.reading == pausedByPeer && why&^peerSlow != 0)
	wrong.add("paused by us for the peer", s.reading == pausedByUs && why&^peerSlow == 0)
	wrong.add("read, and the handler has said Pause", s.reading == reads && why&handlerPaused != 0)
	wrong.add("read, and a stage holds enough", s.reading == reads && why&stageFull != 0)
	wrong.add("paused, and nobody hears", s.reading != reads && (hangup || s.hearing == hearsNothing))
	wrong.add("input waits, and is not paused", s.reading == reads && s.inputWaits())

	wrong.add("failed, and our half is open", failed && !out.halfClosed)
	wrong.add("failed, and output waits", failed && (out.blocked || out.waiting() > 0))
	wrong.add("our half is closed for no reason", out.halfClosed && !failed && !hangup)
	wrong.add("closed, and output waits", out.halfClosed && out.blocked)
	wrong.add("failed, and to hang up", failed && hangup) // that is an end at once
	wrong.add("the end is timed and nothing ends", timed && !failed && !hangup)
	wrong.add("both ends are there, and no end", s.peerEnd == endReached && out.halfClosed && !failed)
	wrong.add("blocked since never", out.blocked && s.rarely().behind == (progress{}))

	wrong.add("the flag of creditCheck", s.creditWatched != s.waitsFor(&creditCheck{}))
	wrong.add("the flag of stallCheck", out.stallWatched != s.waitsFor(&stallCheck{}))
	wrong.add("the flag of slowCheck", out.slowWatched != s.waitsFor(&slowCheck{}))

	recent := s.credit.recent()
	wrong.add("more is to be answered for than was handed over", recent.frames < 0 || recent.bytes < 0)
	wrong.add("nobody is on top", s.top == top(noTop{}))
	wrong.add("a shared handler's mailbox is ours", shared && s.handler != named.Mailbox())
	return wrong
}

// impossible are the combinations that no turn of a connection that has ended leaves behind and that are there.
func (d *ended) impossible() (wrong wrongs) {
	wrong.add("no Closed was told, and there is who hears", d.hearing == hearsAll)
	wrong.add("nobody is waited for", d.awaited <= 0)
	wrong.add("a pipeline is left", d.pipeline != nil)
	wrong.add("a turn's state is left", d.turnState != nil)
	wrong.add("input is left", d.inputWaits())
	wrong.add("output is left", d.out.buf != nil)
	wrong.add("somebody waits", d.rarely().flushes != nil || d.rarely().offers != nil || d.rarely().subscriptions != nil)
	return wrong
}

// inputWaits reports whether something was read that is not decoded.
func (s *stream) inputWaits() bool {
	p := s.rarely().pauses
	return p != nil && p.pending.rest != nil
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
