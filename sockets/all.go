package sockets

import (
	"iter"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/actors"
	"github.com/spindrift-go/spindrift/frame"
)

// All iterates over the connections that there were when it began, each with its value: the
// UpgradeServer's, or the *Conn of one that Accept or a session has. So a program can count its
// connections by user, or end those of one:
//
//	for conn, value := range server.All() {
//		if u, ok := value.(*user); ok && u.Name == "mallory" {
//			system.Root.Send(conn, frame.Close(frame.PolicyViolation, "goodbye"))
//		}
//	}
func (s *Server) All() iter.Seq2[*actor.PID, any] { return all(&s.upgraded.group) }

// CloseWhere asks the connections for whose value match is true (nil: all) to close with code and
// reason, and returns how many these were. It does not wait for their ends.
func (s *Server) CloseWhere(match func(value any) bool, code frame.Code, reason string) (n int) {
	s.setup()
	return closeWhere(s.System, s.All(), match, code, reason)
}

// All is Server.All, for connections that came in by other servers than ours.
func (h *Handler) All() iter.Seq2[*actor.PID, any] { return all(&h.upgraded.group) }

// CloseWhere is Server.CloseWhere, for connections that came in by other servers than ours.
func (h *Handler) CloseWhere(match func(value any) bool, code frame.Code, reason string) (n int) {
	return closeWhere(orDefaultSystem(h.System), h.All(), match, code, reason)
}

// All is Handler.All: each value is the *Conn.
func (h *SessionHandler) All() iter.Seq2[*actor.PID, any] { return all(&h.upgraded.group) }

// CloseWhere is Handler.CloseWhere.
func (h *SessionHandler) CloseWhere(match func(value any) bool, code frame.Code, reason string) (n int) {
	return closeWhere(DefaultSystem(), h.All(), match, code, reason)
}

// All is SessionHandler.All, for connections that ServeHTTP has accepted.
func (b *Callbacks) All() iter.Seq2[*actor.PID, any] { return all(&b.upgraded.group) }

// CloseWhere is Handler.CloseWhere, for connections that ServeHTTP has accepted.
func (b *Callbacks) CloseWhere(match func(value any) bool, code frame.Code, reason string) (n int) {
	return closeWhere(DefaultSystem(), b.All(), match, code, reason)
}

func all(g *actors.Group) iter.Seq2[*actor.PID, any] {
	return func(yield func(*actor.PID, any) bool) {
		for _, c := range g.All() {
			if !yield(c.PID, c.Value) {
				return
			}
		}
	}
}

func closeWhere(system *actor.ActorSystem, all iter.Seq2[*actor.PID, any], match func(any) bool, code frame.Code, reason string) (n int) {
	for conn, value := range all {
		if match == nil || match(value) {
			system.Root.Send(conn, frame.Close(code, reason))
			n++
		}
	}
	return n
}

// ValueOf returns the value of the connection that has sent the message which ctx is about: what
// UpgradeServer.Value was at its upgrade, in every message and not only in Upgraded. ok is false
// if the sender is no connection of a server here, or its value is no T.
func ValueOf[T any](ctx actor.Context) (value T, ok bool) {
	value, ok = actors.RuntimeOf(ctx.ActorSystem()).ValueOf(ctx.Sender()).(T)
	return value, ok
}
