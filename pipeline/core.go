package pipeline

// Core is the stages next to the wire that make WebSocket, as one: what a Chain of
//
//	Above Assemble Budget Limit Text Deflate Closing Codec
//
// would be, in one allocation and the fewest cache lines (BenchmarkBuild). Stream
// takes the place of Assemble.
type Core struct {
	Above   Stage // nil: nothing
	Stream  bool
	Budget  *Budget // nil: none; not with Stream
	Limit   Limit
	Deflate *Deflate // nil: no permessage-deflate
	Closing Closing
	Codec   Codec
}

// core is a connection's.
type core struct {
	ends
	assembler assembler
	limiter   limiter
	checker   checker
	closer    closer
	codec     codec
}

// Stage returns the core as a stage.
func (o Core) Stage() Stage {
	var deflate Stage
	if o.Deflate != nil {
		deflate = o.Deflate.Stage()
	}
	return func(up, down Sink) (Sink, Sink) {
		c := &core{ends: ends{up, down}}
		stack := make([]layer, 0, 8)
		if o.Above != nil {
			stack = append(stack, &guest{stage: o.Above})
		}
		switch {
		case o.Stream:
			stack = append(stack, new(streamer))
		case o.Budget != nil:
			stack = append(stack, &c.assembler, &budgeted{Budget: o.Budget})
		default:
			stack = append(stack, &c.assembler)
		}
		c.limiter.Limit = &o.Limit
		stack = append(stack, &c.limiter, &c.checker)
		if deflate != nil {
			stack = append(stack, &guest{stage: deflate})
		}
		c.closer.Closing = &o.Closing
		c.codec.begin(&o.Codec)
		return link(&c.ends, append(stack, &c.closer, &c.codec)...)
	}
}

// KeepAlive is AutoPong above AutoPing, as one stage.
type KeepAlive struct {
	AutoPong *AutoPong // nil: Pings pass
	AutoPing AutoPing
}

type keepAlive struct {
	ends
	ponger ponger
	pinger pinger
}

// Stage returns both as a stage.
func (o KeepAlive) Stage() Stage {
	o.AutoPing = o.AutoPing.orDefault()
	return func(up, down Sink) (Sink, Sink) {
		k := &keepAlive{ends: ends{up, down}}
		k.pinger.AutoPing = &o.AutoPing
		if o.AutoPong == nil {
			return link(&k.ends, &k.pinger)
		}
		k.ponger.AutoPong = o.AutoPong
		return link(&k.ends, &k.ponger, &k.pinger)
	}
}
