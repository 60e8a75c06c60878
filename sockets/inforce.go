package sockets

import (
	"cmp"
	"math"
	"time"
)

// The defaults, which are put in here and nowhere else.
const (
	defaultMaxFrame      = 1 << 20
	defaultMaxMessage    = 1 << 20
	defaultMaxFragments  = 4096
	defaultMessageTime   = 60 * time.Second
	defaultControlRate   = 200
	defaultPingInterval  = 30 * time.Second
	defaultPingTimeout   = 20 * time.Second
	defaultCreditFrames  = 64
	defaultCreditBytes   = 64 << 10
	defaultCreditTimeout = 2 * time.Minute
	defaultMaxOut        = 1 << 20
	defaultSlowAfter     = 5 * time.Second
	defaultMaxBurst      = 64 << 20
	defaultHighWater     = 64 << 10
	defaultLowWater      = 16 << 10
	defaultWriteStall    = 10 * time.Second
	defaultCloseTimeout  = 5 * time.Second
)

// GetOptions, sent to a connection, is answered with the *Options that are in force: with what
// SetOptions has changed, and with the defaults in the place of zeros. A negative number is no
// limit.
type GetOptions struct{}

// inForce is o with the defaults.
func (o Options) inForce() *Options {
	o.MaxMessage = cmp.Or(o.MaxMessage, defaultMaxMessage)
	o.MaxFrame = cmp.Or(o.MaxFrame, frameOf(o.MaxMessage))
	o.MaxFragments = cmp.Or(o.MaxFragments, fragmentsOf(o.MaxMessage))
	o.MessageTime = cmp.Or(o.MessageTime, defaultMessageTime)
	o.ControlRate = cmp.Or(o.ControlRate, defaultControlRate)
	o.PingInterval = cmp.Or(o.PingInterval, defaultPingInterval)
	o.PingTimeout = cmp.Or(o.PingTimeout, defaultPingTimeout)
	o.MessageTimeout = cmp.Or(o.MessageTimeout, -1)
	o.CreditFrames = cmp.Or(o.CreditFrames, defaultCreditFrames)
	o.CreditBytes = cmp.Or(o.CreditBytes, defaultCreditBytes)
	o.CreditTimeout = cmp.Or(o.CreditTimeout, defaultCreditTimeout)
	o.MaxOut = cmp.Or(o.MaxOut, defaultMaxOut)
	o.SlowAfter = cmp.Or(o.SlowAfter, defaultSlowAfter)
	o.MaxBurst = cmp.Or(o.MaxBurst, defaultMaxBurst)
	o.HighWater = cmp.Or(o.HighWater, defaultHighWater)
	o.LowWater = cmp.Or(o.LowWater, defaultLowWater)
	o.WriteStall = cmp.Or(o.WriteStall, defaultWriteStall)
	o.CloseTimeout = cmp.Or(o.CloseTimeout, defaultCloseTimeout)
	return &o
}

// frameOf is MaxFrame where only MaxMessage is set: a browser sends a message in one frame, so whoever
// lets messages be longer means frames too.
func frameOf(maxMessage int64) int64 {
	if maxMessage < 0 {
		return -1
	}
	return max(maxMessage, defaultMaxFrame)
}

// fragmentsOf is MaxFragments where only MaxMessage is set: as many for each MiB as for the default, so that a
// message may be written piece by piece however long it is. A Writer's have 16 KiB, others' 4 KiB.
func fragmentsOf(maxMessage int64) int {
	if maxMessage < 0 {
		return -1
	}
	return int(min(max(maxMessage/(defaultMaxMessage/defaultMaxFragments), defaultMaxFragments), math.MaxInt32))
}

// Options returns the options that are in force: with what SetOptions has changed before this
// call, and with the defaults in the place of zeros. A negative number is no limit. Of a
// connection that has ended they are those with which it began.
func (c *Conn) Options() Options {
	ask := &optionsAsked{make(chan *Options, 1)}
	c.must().handle.Post(ask)
	select {
	case o := <-ask.answer:
		return *o
	case <-c.Done():
		return c.terms.Options
	}
}

// optionsAsked is GetOptions of somebody who is no actor.
type optionsAsked struct{ answer chan *Options }
