package remote

import (
	"time"

	"github.com/spindrift-go/spindrift/sockets"
	"github.com/spindrift-go/spindrift/sockets/remote/wire"
)

func optionsIn(o *wire.Options) *sockets.SetOptions {
	return &sockets.SetOptions{
		MaxFrame: o.MaxFrame, MaxMessage: o.MaxMessage, MaxFragments: int(o.MaxFragments), MessageTime: time.Duration(o.MessageTime),
		ControlRate: int(o.ControlRate), PingInterval: time.Duration(o.PingInterval), PingTimeout: time.Duration(o.PingTimeout),
		MessageTimeout: time.Duration(o.MessageTimeout), CreditFrames: int(o.CreditFrames), CreditBytes: int(o.CreditBytes),
		CreditTimeout: time.Duration(o.CreditTimeout), MaxOut: int(o.MaxOut), SlowAfter: time.Duration(o.SlowAfter), MaxBurst: int(o.MaxBurst),
		HighWater: int(o.HighWater), LowWater: int(o.LowWater), WriteStall: time.Duration(o.WriteStall), CloseTimeout: time.Duration(o.CloseTimeout),
	}
}

func optionsOut(o *sockets.SetOptions) *wire.Options {
	return &wire.Options{
		MaxFrame: o.MaxFrame, MaxMessage: o.MaxMessage, MaxFragments: int64(o.MaxFragments), MessageTime: int64(o.MessageTime),
		ControlRate: int64(o.ControlRate), PingInterval: int64(o.PingInterval), PingTimeout: int64(o.PingTimeout),
		MessageTimeout: int64(o.MessageTimeout), CreditFrames: int64(o.CreditFrames), CreditBytes: int64(o.CreditBytes),
		CreditTimeout: int64(o.CreditTimeout), MaxOut: int64(o.MaxOut), SlowAfter: int64(o.SlowAfter), MaxBurst: int64(o.MaxBurst),
		HighWater: int64(o.HighWater), LowWater: int64(o.LowWater), WriteStall: int64(o.WriteStall), CloseTimeout: int64(o.CloseTimeout),
	}
}
