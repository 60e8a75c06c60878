package actors

// rare is what few connections have: an idle one does without (make idle). It is made when the first of it is needed,
// and stays.
type rare struct {
	ends          endState
	pauses        *pauses       // nil: the socket was always read
	counted       int           // bytes that the pipeline was told of, see reportMemory
	subscriptions *Subscription // of those who send here without being the handler; nil: none
	flushes       *flushWaiter  // the latest who waits for a Flush; nil: none
	offers        *offers       // nil: none wait
	behind        progress      // since when the socket has not taken all
	urgent        int           // bytes of output that were taken beyond the limit
}

// nothingRare is never changed.
var nothingRare rare

// rarely is what s has of that, to be looked at.
func (s *stream) rarely() *rare {
	if s.rare == nil {
		return &nothingRare
	}
	return s.rare
}

// makeRare is the same, to be changed.
func (s *stream) makeRare() *rare {
	if s.rare == nil {
		s.rare = new(rare)
	}
	return s.rare
}
