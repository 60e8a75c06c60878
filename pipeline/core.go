package pipeline

// Core is the stages next to the wire that make WebSocket, as one: what a Chain of
//
//	Messages Sequence Above Assemble Limit Text Outer Deflate Inner Budget Closing Codec
//
// would be, in one allocation and the fewest cache lines (BenchmarkBuild). Stream
// takes the place of Assemble.
type Core struct {
	Messages   Stage    // makes something of messages in pieces, and stays when the top is replaced; nil: nothing
	Sequence   Sequence // its RSV is the Codec's
	Above      Part     // an Outbox; nil: nothing
	Stream     bool
	StreamOver int64   // bytes: a longer message goes up in pieces; 0: none does
	Budget     *Budget // nil: none
	Limit      Limit
	Outer      []Stage  // of extensions, see Agreed
	Deflate    *Deflate // nil: no permessage-deflate
	Inner      []Stage  // of extensions, see Agreed
	Closing    Closing
	Codec      Codec
}

// core is a connection's.
type core struct {
	sequencer sequencer
	assembler assembler
	limiter   limiter
	checker   checker
	closer    closer
	codec     codec
}

// Stage returns the core as a stage.
func (o Core) Stage() Stage {
	return func(up, down Sink) (Sink, Sink) { return asStage(up, down, o.layers()...) }
}

func (o *Core) layers() []layer { return o.appendLayers(new(core), nil, nil) }

// appendLayers appends c's layers, which follow the recipe, to stack. A nil m counts nothing.
func (o *Core) appendLayers(c *core, stack []layer, m *Meter) []layer {
	if o.Messages != nil {
		stack = append(stack, asLayer(o.Messages))
	}
	c.sequencer.Sequence, c.sequencer.rsv = &o.Sequence, o.Codec.RSV
	stack = append(stack, &c.sequencer)
	if o.Above != nil {
		stack = append(stack, o.Above.layers()...)
	}
	if m != nil {
		m.closer = &c.closer
		stack = append(stack, m)
	}
	switch {
	case o.Stream:
		stack = append(stack, new(streamer))
	default:
		c.assembler.free, c.assembler.over = o.Budget == nil, o.StreamOver
		stack = append(stack, &c.assembler)
	}
	c.limiter.Limit = &o.Limit
	stack = append(stack, &c.limiter, &c.checker)
	for _, s := range o.Outer {
		stack = append(stack, asLayer(s))
	}
	if o.Deflate != nil {
		d := o.Deflate.layer()
		d.free = o.Budget == nil
		stack = append(stack, d)
	}
	for _, s := range o.Inner {
		stack = append(stack, asLayer(s))
	}
	if o.Budget != nil {
		stack = append(stack, &budgeted{Budget: o.Budget})
	}
	c.closer.Closing = &o.Closing
	c.codec.init(&o.Codec)
	return append(stack, &c.closer, &c.codec)
}

// KeepAlive is AutoPong above AutoPing, as one.
type KeepAlive struct {
	AutoPong *AutoPong // nil: Pings pass
	AutoPing AutoPing
}

type keepAlive struct {
	ponger ponger
	pinger pinger
}

// Stage returns both as a stage.
func (o KeepAlive) Stage() Stage {
	return func(up, down Sink) (Sink, Sink) { return asStage(up, down, o.layers()...) }
}

func (o *KeepAlive) layers() []layer { return o.appendLayers(new(keepAlive), nil) }

func (o *KeepAlive) appendLayers(k *keepAlive, stack []layer) []layer {
	if o.AutoPong != nil {
		k.ponger.AutoPong = o.AutoPong
		stack = append(stack, &k.ponger)
	}
	k.pinger.AutoPing = &o.AutoPing
	return append(stack, &k.pinger)
}
