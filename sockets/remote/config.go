package remote

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// Config is how a node talks to others.
type Config struct {
	// Addr is where the node listens, "host:port". Port 0 takes a free one.
	Addr string
	// Advertise is where other nodes reach it, "host:port"; "": at Addr. It must be set where Addr
	// names no host.
	Advertise string

	// TLS is who the node is and whom it trusts, in both directions: Certificates, or the functions that
	// get them, and RootCAs, whose certificates other nodes must show, whether they dial or are dialled.
	// Who has one of those can do all that a node can: they must be for nodes only. ServerName, if set, is
	// the name that every node's certificate has; "": the host of its address.
	TLS *tls.Config
	// InsecureLoopback is in place of TLS: in clear, between nodes of one machine. Every program on it
	// can then take part.
	InsecureLoopback bool

	// Peers are nodes to have a link to at all times, "host:port". To others there is one from the
	// first message on, and the first upgrade waits for it.
	Peers []string

	DialTimeout time.Duration // for a node to answer when a link is made; 0: 1 s
	Heartbeat   time.Duration // between two questions on each link; 0: 1 s
	Timeout     time.Duration // without an answer the link is lost; 0: 5 s
	MaxMessage  int           // bytes of a message that crosses; 0: 16 MiB, at most 1 GiB
	MaxQueue    int           // bytes that wait for a link; over it the link is lost, or what comes while it is being made is refused; 0: 64 MiB

	// Another is asked for each connection of this node whose handler cannot be heard any more, and
	// returns the handler that takes its place, here or on a node to which there is a link, which is told
	// Upgraded; nil ends the connection with 1011, as a nil Another does. What the lost handler had not
	// answered is lost.
	Another func(lost *actor.PID) *actor.PID

	// Log is told of links and of what was refused; nil: slog.Default.
	Log *slog.Logger
}

// maxMaxMessage is half of the most bytes that a message of protobuf has: others travel with it.
const maxMaxMessage = 1 << 30

// withDefaults is the configuration with its defaults, or what is wrong with it.
func (c Config) withDefaults() (*Config, error) {
	host, port, err := net.SplitHostPort(c.Addr)
	if err != nil {
		return nil, fmt.Errorf("Config.Addr: %w", err)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return nil, fmt.Errorf("Config.Addr: port %q is no number", port)
	}
	if ip := net.ParseIP(host); (host == "" || ip != nil && ip.IsUnspecified()) && c.Advertise == "" {
		return nil, fmt.Errorf("Config.Addr %q names no host: Config.Advertise must say where other nodes reach this one", c.Addr)
	}
	if c.Advertise != "" {
		if _, _, err := net.SplitHostPort(c.Advertise); err != nil || !bare(c.Advertise) {
			return nil, fmt.Errorf("Config.Advertise %q is no host:port", c.Advertise)
		}
	}
	switch {
	case c.TLS == nil && !c.InsecureLoopback:
		return nil, errors.New("Config.TLS is nil: nodes must know each other, or InsecureLoopback be set for those of one machine")
	case c.TLS != nil && c.InsecureLoopback:
		return nil, errors.New("Config.TLS and InsecureLoopback are both set: one of them counts")
	case c.InsecureLoopback && !loopback(host):
		return nil, fmt.Errorf("Config.InsecureLoopback is for a loopback address: %q is none", host)
	case c.TLS != nil && c.TLS.RootCAs == nil:
		return nil, errors.New("Config.TLS.RootCAs is nil: it says whose certificates nodes have")
	case c.TLS != nil && len(c.TLS.Certificates) == 0 && (c.TLS.GetCertificate == nil || c.TLS.GetClientCertificate == nil):
		return nil, errors.New("Config.TLS has no certificate: a node shows one, whether it dials or is dialled")
	}
	if min(c.DialTimeout, c.Heartbeat, c.Timeout) < 0 || min(c.MaxMessage, c.MaxQueue) < 0 {
		return nil, errors.New("Config.DialTimeout, Heartbeat, Timeout, MaxMessage and MaxQueue cannot be lifted: a negative one means nothing")
	}
	if c.MaxMessage > maxMaxMessage {
		return nil, fmt.Errorf("Config.MaxMessage %d is over %d, which protobuf cannot carry", c.MaxMessage, maxMaxMessage)
	}
	c.DialTimeout = cmp.Or(c.DialTimeout, time.Second)
	c.Heartbeat = cmp.Or(c.Heartbeat, time.Second)
	c.Timeout = cmp.Or(c.Timeout, 5*time.Second)
	c.MaxMessage = cmp.Or(c.MaxMessage, 16<<20)
	c.MaxQueue = cmp.Or(c.MaxQueue, 64<<20)
	if c.Timeout <= c.Heartbeat {
		return nil, fmt.Errorf("Config.Timeout %v must be longer than Heartbeat %v", c.Timeout, c.Heartbeat)
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return &c, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback() || host == "localhost"
}

// serverTLS is the TLS of who is dialled: every peer shows a certificate.
func (c *Config) serverTLS() *tls.Config {
	t := c.TLS.Clone()
	t.ClientAuth, t.ClientCAs = tls.RequireAndVerifyClientCert, c.TLS.RootCAs
	t.MinVersion = max(t.MinVersion, tls.VersionTLS12)
	return t
}

func (c *Config) clientTLS() *tls.Config {
	t := c.TLS.Clone()
	t.InsecureSkipVerify = false
	t.MinVersion = max(t.MinVersion, tls.VersionTLS12)
	return t
}
