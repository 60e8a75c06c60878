package main

import (
	"fmt"
	"time"

	"github.com/spindrift-go/spindrift/examples/tools/bench/load"
)

// kind is what a row does to a server.
type kind string

const (
	echoing      kind = "echo"
	broadcasting kind = "broadcast"
	rooming      kind = "room" // a broadcast to which all contribute
	upgrading    kind = "upgrades"
	requesting   kind = "http"
	asking       kind = "http-actor"
	idling       kind = "idle"
)

// A row is one question put to every contender.
type row struct {
	ID       string `json:"id"`
	Title    string `json:"title"`
	Kind     kind   `json:"kind"`
	Conns    int    `json:"conns"`
	Slow     int    `json:"slow,omitempty"` // connections of these that read nothing
	InFlight int    `json:"inFlight,omitempty"`
	Size     int    `json:"size,omitempty"` // bytes of one message
	TLS      bool   `json:"tls,omitempty"`
	Streams  int    `json:"streams,omitempty"` // WebSockets of one connection, over HTTP/2; 0: HTTP/1.1
	Deflate  bool   `json:"deflate,omitempty"` // JSON rather than letters
}

func rows() []row {
	return []row{
		{ID: "echo64", Title: "Echo 64 B, 100 connections, 1 in flight", Kind: echoing, Conns: 100, InFlight: 1, Size: 64},
		{ID: "echo64x32", Title: "Echo 64 B, 100 connections, 32 in flight", Kind: echoing, Conns: 100, InFlight: 32, Size: 64},
		{ID: "echo64c5000", Title: "Echo 64 B, 5,000 connections, 1 in flight", Kind: echoing, Conns: 5000, InFlight: 1, Size: 64},
		{ID: "echo64x32c5000", Title: "Echo 64 B, 5,000 connections, 32 in flight", Kind: echoing, Conns: 5000, InFlight: 32, Size: 64},
		{ID: "echo512", Title: "Echo 512 B, 100 connections, 1 in flight", Kind: echoing, Conns: 100, InFlight: 1, Size: 512},
		{ID: "echo8k", Title: "Echo 8 KiB, 100 connections, 1 in flight", Kind: echoing, Conns: 100, InFlight: 1, Size: 8 << 10},
		{ID: "echo64k", Title: "Echo 64 KiB, 100 connections, 1 in flight", Kind: echoing, Conns: 100, InFlight: 1, Size: 64 << 10},
		{ID: "echo1m", Title: "Echo 1 MiB, 10 connections, 1 in flight", Kind: echoing, Conns: 10, InFlight: 1, Size: 1 << 20},
		{ID: "deflate", Title: "Echo 1 KiB of JSON, deflated, 100 connections", Kind: echoing, Conns: 100, InFlight: 1, Size: 1 << 10, Deflate: true},
		{ID: "tls", Title: "Echo 64 B over TLS, 100 connections", Kind: echoing, Conns: 100, InFlight: 1, Size: 64, TLS: true},
		{ID: "echo64h2", Title: "Echo 64 B over HTTP/2, 100 streams of one connection, 1 in flight", Kind: echoing, Conns: 100, InFlight: 1, Size: 64, Streams: 100},
		{ID: "echo64x32h2", Title: "Echo 64 B over HTTP/2, 100 streams of one connection, 32 in flight", Kind: echoing, Conns: 100, InFlight: 32, Size: 64, Streams: 100},
		{ID: "echo64h2c100", Title: "Echo 64 B over HTTP/2, 100 connections of one stream, 1 in flight", Kind: echoing, Conns: 100, InFlight: 1, Size: 64, Streams: 1},
		{ID: "echo64x32h2c100", Title: "Echo 64 B over HTTP/2, 100 connections of one stream, 32 in flight", Kind: echoing, Conns: 100, InFlight: 32, Size: 64, Streams: 1},
		{ID: "broadcast", Title: "Broadcast 64 B to 5,000 connections", Kind: broadcasting, Conns: 5000, InFlight: 1, Size: 64},
		{ID: "broadcast8", Title: "Broadcast 64 B to 5,000 connections, 8 in flight", Kind: broadcasting, Conns: 5000, InFlight: 8, Size: 64},
		{ID: "room", Title: "Room of 5,000 in which all say something in turn, 512 B", Kind: rooming, Conns: 5000, InFlight: 8, Size: 512},
		{ID: "roomslow", Title: "Room of 5,000 with one member that reads nothing, 512 B", Kind: rooming, Conns: 5000, Slow: 1, InFlight: 8, Size: 512},
		{ID: "upgrades", Title: "Upgrades, 64 at a time", Kind: upgrading, Conns: 64},
		{ID: "http", Title: "Plain HTTP requests, 100 connections", Kind: requesting, Conns: 100, InFlight: 1},
		{ID: "idleh2", Title: "Idle memory over HTTP/2, 9,000 streams of 90 connections", Kind: idling, Conns: 9000, InFlight: 1, Size: 64, Streams: 100},
		{ID: "http-actor", Title: "Plain HTTP requests that an actor answers, 100 connections", Kind: asking, Conns: 100, InFlight: 1},
		{ID: "idle", Title: "Idle memory, 9,000 connections", Kind: idling, Conns: 9000, InFlight: 1, Size: 64},
	}
}

// needs lists what a contender must take to be in the row.
func (r row) needs() []string {
	need := []string{"echo"}
	switch r.Kind {
	case broadcasting:
		need = []string{"broadcast"}
	case rooming, requesting, asking:
		need = []string{string(r.Kind)}
	}
	if r.TLS {
		need = append(need, "tls")
	}
	if r.Streams > 0 {
		need = []string{"http2"}
	}
	if r.Deflate {
		need = append(need, "deflate")
	}
	return need
}

func (r row) message(opcode byte) load.Message {
	if r.Deflate {
		return load.Message{Opcode: opcode, Payload: load.JSON(r.Size)}
	}
	return load.Message{Opcode: opcode, Payload: load.Letters(r.Size)}
}

func (r row) path() string {
	switch r.Kind {
	case broadcasting, rooming:
		return "/broadcast"
	case requesting, asking:
		return "/plain"
	default:
		return "/"
	}
}

// A headline is the one figure of a row that its ratios and its chart are about.
type headline struct {
	unit      string
	value     func(sample) float64
	lessWins  bool
	formatted func(float64) string
}

func (r row) headline() headline {
	switch r.Kind {
	case broadcasting:
		return headline{unit: "deliveries per server CPU second", value: sample.perCPUSecond, formatted: thousands}
	case rooming:
		return headline{unit: "deliveries/s", value: sample.rate, formatted: thousands}
	case upgrading:
		return headline{unit: "upgrades/s", value: sample.rate, formatted: thousands}
	case requesting, asking:
		return headline{unit: "requests/s", value: sample.rate, formatted: thousands}
	case idling:
		return headline{unit: "resident bytes per connection", value: func(s sample) float64 { return s.RSS }, lessWins: true, formatted: bytesOf}
	default:
		return headline{unit: "messages/s", value: sample.rate, formatted: thousands}
	}
}

func thousands(v float64) string {
	switch {
	case v >= 999_950:
		return fmt.Sprintf("%.2f M", v/1e6)
	case v >= 10_000:
		return fmt.Sprintf("%.1f k", v/1e3)
	default:
		return fmt.Sprintf("%.0f", v)
	}
}

func bytesOf(v float64) string {
	switch {
	case v >= 1<<20 || v <= -1<<20:
		return fmt.Sprintf("%.1f MB", v/1e6)
	case v >= 1000 || v <= -1000:
		return fmt.Sprintf("%.1f KB", v/1e3)
	default:
		return fmt.Sprintf("%.0f B", v)
	}
}

func micros(d time.Duration) string {
	switch us := float64(d) / 1e3; {
	case us >= 100_000:
		return fmt.Sprintf("%.0f ms", us/1e3)
	case us >= 10_000:
		return fmt.Sprintf("%.1f ms", us/1e3)
	case us >= 100:
		return fmt.Sprintf("%.0f us", us)
	default:
		return fmt.Sprintf("%.2f us", us)
	}
}
