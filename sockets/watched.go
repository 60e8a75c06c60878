package sockets

import (
	"errors"
	"net/http"
	"net/url"
	"runtime/debug"
	"slices"
	"time"

	"github.com/spindrift-go/spindrift/actors"
	"github.com/spindrift-go/spindrift/internal/errorlog"
	"github.com/spindrift-go/spindrift/pipeline"
)

// watched is the observers of one handshake, and of its connection. nil is one that nobody
// observes.
type watched struct {
	by       []observation // one for each
	request  *http.Request // that was refused, if it was
	upgraded *Upgraded     // until Opened
}

// observation is a connection as one observer sees it.
type observation struct {
	*Observer
	Observed
}

// watching begins to observe h, if there is somebody to.
func watching(h Handshake, observers []*Observer) *watched {
	if len(observers) == 0 {
		return nil
	}
	w := &watched{by: make([]observation, 0, len(observers))}
	h.Began = time.Now()
	if w.add(h, observers); len(w.by) == 0 {
		return nil
	}
	return w
}

// add has others observe as well, each once.
func (w *watched) add(h Handshake, observers []*Observer) {
	for _, o := range observers {
		if o != nil && !slices.ContainsFunc(w.by, func(b observation) bool { return b.Observer == o }) {
			w.by = append(w.by, observation{o, Observed{Handshake: h}})
		}
	}
}

// plan has p's connection observed, or whatever else becomes of p.
func (w *watched) plan(p *actors.Plan) {
	if w != nil {
		w.upgraded = p.Hello.(*Upgraded)
		p.Observer = w
	}
}

// each calls f for each observer: for the others also if one panics.
func (w *watched) each(f func(b *observation)) { w.from(0, f) }

func (w *watched) from(i int, f func(b *observation)) {
	if i == len(w.by) {
		return
	}
	defer w.from(i+1, f)
	f(&w.by[i])
}

// Opened makes watched an actors.Observer.
func (w *watched) Opened() {
	u, now := w.upgraded, time.Now()
	w.upgraded, w.request = nil, nil
	w.each(func(b *observation) {
		b.Subprotocol, b.Compressed, b.Observed.Opened = u.Subprotocol, u.Compressed, now
		if b.Observer.Opened != nil {
			b.Observer.Opened(&b.Observed, u.Request)
		}
	})
}

// refused is Refused for who is no connection: a panic is told to log.
func (w *watched) refused(why error, log *errorlog.Log) {
	if w != nil {
		defer func() {
			if reason := recover(); reason != nil {
				log.Error("observer panicked", "reason", reason, "stack", string(debug.Stack()))
			}
		}()
		w.Refused(why)
	}
}

// Refused makes watched an actors.Observer.
func (w *watched) Refused(why error) {
	w.each(func(b *observation) {
		if b.Observer.Refused != nil {
			b.Observer.Refused(&Refused{b.Handshake, w.request, b.status(why), why})
		}
	})
}

// status is that of the answer to a handshake which failed with why.
func (h *Handshake) status(why error) int {
	var refusal *Refusal
	var answer *HandshakeError
	switch {
	case h.Client && errors.As(why, &answer):
		return answer.Status
	case h.Client:
		return 0
	case errors.As(why, &refusal):
		return refusal.status()
	}
	return http.StatusInternalServerError
}

// Traffic makes watched an actors.Observer.
func (w *watched) Traffic(all, since pipeline.Traffic) {
	w.each(func(b *observation) {
		if b.Observed.Traffic = all; b.Observer.Traffic != nil {
			b.Observer.Traffic(&b.Observed, since)
		}
	})
}

// RoundTrip makes watched an actors.Observer.
func (w *watched) RoundTrip(d time.Duration) {
	w.each(func(b *observation) {
		if b.Observer.RoundTrip != nil {
			b.Observer.RoundTrip(&b.Observed, d)
		}
	})
}

// Dropped makes watched an actors.Observer.
func (w *watched) Dropped(d pipeline.Dropped) {
	w.each(func(b *observation) {
		if b.Observer.Dropped != nil {
			b.Observer.Dropped(&b.Observed, d)
		}
	})
}

// Panicked makes watched an actors.Observer.
func (w *watched) Panicked(reason any) {
	w.each(func(b *observation) {
		if b.Observer.Panicked != nil {
			b.Observer.Panicked(&b.Observed, reason)
		}
	})
}

// Closed makes watched an actors.Observer.
func (w *watched) Closed(how *pipeline.Closed) {
	w.each(func(b *observation) {
		if b.Observer.Closed != nil {
			b.Observer.Closed(&b.Observed, how)
		}
	})
}

// handshakeOf is what a server is asked for by r.
func handshakeOf(r *http.Request) Handshake {
	return Handshake{Peer: r.RemoteAddr, Path: r.URL.Path, Route: r.Pattern, TLS: r.TLS != nil}
}

// handshakeAt is what u asks the server of base for.
func (u *UpgradeClient) handshakeAt(base *url.URL) Handshake {
	if target, err := u.target(base); err == nil {
		base = target
	}
	return Handshake{Client: true, Peer: base.Host, Path: base.Path, TLS: base.Scheme == "https"}
}
