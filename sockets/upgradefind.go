package sockets

// find finds the set that the connection will join, what its options refine, and who is to be
// told what becomes of it.
func (u *upgrade) find() {
	p := u.info()
	if !u.complete {
		u.base = installed(u.request.Context(), p)
	}
	switch {
	case p != nil:
		u.set = p.upgraded
		u.observedBy(u.set.observers)
	case u.stream == nil: // another server's, or middleware has replaced the request's context
		u.late = true
	default:
		u.set = u.home
	}
	if u.of != nil {
		u.observedOn(u.of.Options)
	} else {
		u.observedOn(u.terms.Options)
	}
}

// info is infoOf the request, or of the stream that it came by.
func (u *upgrade) info() *connInfo {
	p := infoOf(u.request.Context())
	if p == nil && u.stream != nil {
		return u.stream.info
	}
	return p
}

// observedOn has those told who are to be by the options o of a route.
func (u *upgrade) observedOn(o *Options) {
	if o = o.over(u.base); o != nil {
		u.observedBy(o.Observers)
	}
}

// observedBy has observers told of the upgrade, those of them that are not yet.
func (u *upgrade) observedBy(observers []*Observer) {
	switch {
	case len(observers) == 0:
	case u.observations == nil:
		if u.observations = observe(handshakeOf(u.request), observers); u.observations != nil {
			u.observations.request = u.request
		}
	default:
		u.observations.add(u.observations.by[0].Handshake, observers)
	}
}
