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

// observations are those of one handshake, and of its connection, by all observers. nil is one that nobody
// observes.
type observations struct {
	by       []observation // one for each
	request  *http.Request // that was refused, if it was
	upgraded *Upgraded     // until Opened
}

// observation is a connection as one observer sees it.
type observation struct {
	*Observer
	Observed
}

// observe begins to observe h, if there is somebody to.
func observe(h Handshake, observers []*Observer) *observations {
	if len(observers) == 0 {
		return nil
	}
	obs := &observations{by: make([]observation, 0, len(observers))}
	h.Began = time.Now()
	if obs.add(h, observers); len(obs.by) == 0 {
		return nil
	}
	return obs
}

// add has others observe as well, each once.
func (obs *observations) add(h Handshake, observers []*Observer) {
	for _, o := range observers {
		if o != nil && !slices.ContainsFunc(obs.by, func(b observation) bool { return b.Observer == o }) {
			obs.by = append(obs.by, observation{o, Observed{Handshake: h}})
		}
	}
}

// plan has p's connection observed, or whatever else becomes of p.
func (obs *observations) plan(p *actors.Plan) {
	if obs != nil {
		obs.upgraded = p.Hello.(*Upgraded)
		p.Observer = obs
	}
}

// each calls f for each observer: for the others also if one panics.
func (obs *observations) each(f func(b *observation)) { obs.from(0, f) }

func (obs *observations) from(i int, f func(b *observation)) {
	if i == len(obs.by) {
		return
	}
	defer obs.from(i+1, f)
	f(&obs.by[i])
}

// Opened makes observations an actors.Observer.
func (obs *observations) Opened() {
	u, now := obs.upgraded, time.Now()
	obs.upgraded, obs.request = nil, nil
	obs.each(func(b *observation) {
		b.Subprotocol, b.Compressed, b.Observed.Opened = u.Subprotocol, u.Compressed, now
		if b.Observer.Opened != nil {
			b.Observer.Opened(&b.Observed, u.Request)
		}
	})
}

// refused is Refused for who is no connection: a panic is told to log.
func (obs *observations) refused(why error, log *errorlog.Log) {
	if obs != nil {
		defer func() {
			if reason := recover(); reason != nil {
				log.Error("observer panicked", "reason", reason, "stack", string(debug.Stack()))
			}
		}()
		obs.Refused(why)
	}
}

// Refused makes observations an actors.Observer.
func (obs *observations) Refused(why error) {
	obs.each(func(b *observation) {
		if b.Observer.Refused != nil {
			b.Observer.Refused(&Refused{b.Handshake, obs.request, b.status(why), why})
		}
	})
}

// status is that of the answer to a handshake which failed with why.
func (h *Handshake) status(why error) int {
	var refusal *Refusal
	var answer *HandshakeError
	var backend *backendError
	switch {
	case h.Client && errors.As(why, &answer):
		return answer.Status
	case h.Client:
		return 0
	case errors.As(why, &refusal):
		return refusal.status()
	case errors.As(why, &backend):
		return backend.status
	case errors.Is(why, http.ErrHijacked): // somebody else has the connection
		return 0
	}
	return http.StatusInternalServerError
}

// Traffic makes observations an actors.Observer.
func (obs *observations) Traffic(all, since pipeline.Traffic) {
	obs.each(func(b *observation) {
		if b.Observed.Traffic = all; b.Observer.Traffic != nil {
			b.Observer.Traffic(&b.Observed, since)
		}
	})
}

// RoundTrip makes observations an actors.Observer.
func (obs *observations) RoundTrip(d time.Duration) {
	obs.each(func(b *observation) {
		if b.Observer.RoundTrip != nil {
			b.Observer.RoundTrip(&b.Observed, d)
		}
	})
}

// Dropped makes observations an actors.Observer.
func (obs *observations) Dropped(d pipeline.Dropped) {
	obs.each(func(b *observation) {
		if b.Observer.Dropped != nil {
			b.Observer.Dropped(&b.Observed, d)
		}
	})
}

// Panicked makes observations an actors.Observer.
func (obs *observations) Panicked(reason any) {
	obs.each(func(b *observation) {
		if b.Observer.Panicked != nil {
			b.Observer.Panicked(&b.Observed, reason)
		}
	})
}

// Closed makes observations an actors.Observer.
func (obs *observations) Closed(how *pipeline.Closed) {
	obs.each(func(b *observation) {
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
