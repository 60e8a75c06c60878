package sockets

import (
	"time"

	"github.com/spindrift-go/spindrift/actors"
	"github.com/spindrift-go/spindrift/pipeline"
)

// SetOptions, sent to a connection, changes limits and times while it lives. They are those of
// [Options]. A field that is 0 changes nothing, a negative one lifts the limit. MaxMessage takes MaxFrame
// and MaxFragments with it where nobody has set those.
type SetOptions struct {
	MaxFrame     int64
	MaxMessage   int64
	MaxFragments int
	MessageTime  time.Duration
	ControlRate  int

	PingInterval   time.Duration
	PingTimeout    time.Duration
	MessageTimeout time.Duration

	CreditFrames  int
	CreditBytes   int
	CreditTimeout time.Duration

	MaxOut       int
	SlowAfter    time.Duration
	MaxBurst     int
	HighWater    int // of what waits for the socket; what a stage keeps back has the mark that it began with
	LowWater     int
	WriteStall   time.Duration
	CloseTimeout time.Duration
}

// SetStages, sent to a connection, puts Stages in the place of the extra stages that it has,
// between two frames. The state of those that leave is lost; the new ones get a Start. All
// else stays as it is, AutoPong and AutoPing with what SetOptions has asked of them; a Ping
// that waits for its Pong is forgotten. The message must not change once it is sent.
type SetStages struct {
	Stages []pipeline.Stage // from handler to wire, below AutoPong and AutoPing; none: the extra ones go
}

// changer is what the messages above change of one connection, as an actors.Changer.
type changer struct {
	*recipe
	set    SetOptions // what was asked for so far
	stream bool       // messages come in pieces
}

// setStream, sent to a connection, has its messages come in pieces, of any length and as slowly as they may.
type setStream struct{}

// Change makes recipe the actors.Changer of a connection that nobody has changed.
func (r *recipe) Change(message any) (change any, next actors.Changer) {
	switch m := message.(type) {
	case *GetOptions:
		return &actors.Reply{Message: r.inForce()}, r
	case *optionsAsked:
		m.answer <- r.inForce()
		return nil, r
	case *SetOptions, *SetStages, *setStream:
		return (&changer{recipe: r}).Change(message)
	}
	return nil, nil
}

// Change makes changer an actors.Changer.
func (c *changer) Change(message any) (change any, next actors.Changer) {
	switch m := message.(type) {
	case *SetOptions:
		if m != nil {
			copySet(&c.set, m)
			options := m.stages()
			if m.MaxMessage != 0 {
				c.follow(&options.Frame, &options.Fragments, c.options().MaxMessage)
			}
			return &actors.SetLimits{Limits: m.drivers, Options: options}, c
		}
	case *setStream:
		lift := &SetOptions{MaxFrame: -1, MaxMessage: -1, MaxFragments: -1, MessageTime: -1}
		copySet(&c.set, lift)
		c.stream = true
		options := lift.stages()
		options.Stream, options.InflateRatio = true, -1
		return &actors.SetLimits{Limits: lift.drivers, Options: options}, c
	case *SetStages:
		if m != nil {
			return &actors.SetTop{Top: c.top(m.Stages)}, c
		}
	case *GetOptions:
		return &actors.Reply{Message: c.options().inForce()}, c
	case *optionsAsked:
		m.answer <- c.options().inForce()
		return nil, c
	}
	return nil, nil
}

func (c *changer) options() *Options {
	o := c.Options
	copySet(&o, &c.set)
	c.follow(&o.MaxFrame, &o.MaxFragments, o.MaxMessage)
	o.Stream = o.Stream || c.stream
	return &o
}

// follow sets the limits that follow MaxMessage: those that nobody has set.
func (c *changer) follow(frame *int64, fragments *int, maxMessage int64) {
	if c.unset.frame && c.set.MaxFrame == 0 {
		*frame = frameOf(maxMessage)
	}
	if c.unset.fragments && c.set.MaxFragments == 0 {
		*fragments = fragmentsOf(maxMessage)
	}
}

// top is the top of the pipeline with extra stages.
func (c *changer) top(extra []pipeline.Stage) pipeline.Part {
	if c.set.PingInterval == 0 && c.set.PingTimeout == 0 {
		return c.topOf(extra)
	}
	return c.options().top(extra)
}

// drivers changes what the driver of the pipeline allows.
func (m *SetOptions) drivers(l *actors.Limits) {
	l.CreditFrames = or(m.CreditFrames, l.CreditFrames)
	l.CreditBytes = or(m.CreditBytes, l.CreditBytes)
	l.CreditTimeout = or(m.CreditTimeout, l.CreditTimeout)
	if l.Out >= 0 {
		l.Out = or(m.MaxOut, l.Out)
	}
	l.SlowAfter = or(m.SlowAfter, l.SlowAfter)
	l.Burst = or(m.MaxBurst, l.Burst)
	l.High = or(m.HighWater, l.High)
	l.Low = or(m.LowWater, l.Low)
	l.Stall = or(m.WriteStall, l.Stall)
	l.Linger = or(m.CloseTimeout, l.Linger)
}

// stages is what the stages are told to change.
func (m *SetOptions) stages() *pipeline.Limits {
	return &pipeline.Limits{
		Frame:          m.MaxFrame,
		Message:        m.MaxMessage,
		Fragments:      m.MaxFragments,
		MessageTime:    m.MessageTime,
		ControlRate:    m.ControlRate,
		Out:            m.MaxOut,
		Credit:         m.CreditBytes,
		CloseTimeout:   m.CloseTimeout,
		MessageTimeout: m.MessageTimeout,
		PingInterval:   m.PingInterval,
		PingTimeout:    m.PingTimeout,
	}
}
