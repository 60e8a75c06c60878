package sockets

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
)

// String says which connection it is, for a log, and how it has ended if it has:
// "connection of 192.0.2.1:50412 to /chat". Of a client it names the server's host and the path.
func (c *Conn) String() string {
	peer, path, client, end := c.describe()
	text := "no connection"
	switch {
	case client:
		text = "connection to " + peer + path
	case peer+path != "":
		text = "connection of " + peer + " to " + path
	}
	if end != nil {
		text += ", " + end.String()
	}
	return text
}

// LogValue makes Conn a slog.LogValuer: peer and path, as an [Observed] has them, and how it has ended.
func (c *Conn) LogValue() slog.Value {
	peer, path, _, end := c.describe()
	attrs := []slog.Attr{slog.String("peer", peer), slog.String("path", path)}
	if end != nil {
		attrs = append(attrs, slog.String("end", end.String()))
	}
	return slog.GroupValue(attrs...)
}

// describe is what may be told of c at any time, while its connection opens as well.
func (c *Conn) describe() (peer, path string, client bool, end *Closed) {
	if c == nil {
		return "", "", false, nil
	}
	c.mu.Lock()
	h := c.handshake
	end = c.end
	c.mu.Unlock()
	if h == nil {
		return "", "", false, end
	}
	peer, client = h.request.RemoteAddr, h.response != ""
	if client {
		peer = h.request.URL.Host
	}
	return peer, h.request.URL.EscapedPath(), client, end
}

// String says which client it is, for a log: "client of example.com/chat".
func (c *Reconnecting) String() string {
	if c == nil || c.done == nil {
		return "no client"
	}
	u, err := url.Parse(c.address)
	if err != nil {
		return "client"
	}
	return "client of " + u.Host + u.EscapedPath()
}

// LogValue makes Reconnecting a slog.LogValuer.
func (c *Reconnecting) LogValue() slog.Value { return slog.StringValue(c.String()) }

// String says what it is, for a log, and not what is in it: "text message in pieces".
func (m *Message) String() string {
	if m == nil || m.inbox == nil {
		return "no message"
	}
	return m.op.String() + " message in pieces"
}

// LogValue makes Message a slog.LogValuer.
func (m *Message) LogValue() slog.Value { return slog.StringValue(m.String()) }

// String is Stats as JSON: for a log, and for expvar, which takes Counters as they are.
func (c *Counters) String() string {
	text, _ := json.Marshal(c.Stats()) // numbers and their names
	return string(text)
}

// LogValue makes Counters a slog.LogValuer: the connections and their traffic. The rest is in Stats.
func (c *Counters) LogValue() slog.Value {
	s := c.Stats()
	return slog.GroupValue(slog.Int64("open", s.Open), slog.Int64("opened", s.Opened),
		slog.Int64("messages_in", s.MessagesIn), slog.Int64("messages_out", s.MessagesOut),
		slog.Int64("bytes_in", s.BytesIn), slog.Int64("bytes_out", s.BytesOut))
}

// String says how many members the room has, for a log: "room of 3".
func (r *LocalRoom) String() string {
	if r == nil {
		return "no room"
	}
	return fmt.Sprintf("room of %d", r.Len())
}
