package rooms

import (
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// Config says how a node finds the others. The zero value is a node for which others on the same
// machine may come, at a port that [Node.Addr] tells.
type Config struct {
	Name string // of the node, as Members tells it, different for each; "": a random one

	// Listen is where other nodes connect to: "127.0.0.1:0" if it is empty. An address that is
	// not of the loopback needs TLS that asks for certificates, or InsecureCluster.
	Listen string
	Routes []string // HOST:PORT of other nodes, of which one suffices; of those that are not there it is tried again
	Secret string   // that nodes tell each other; "": none
	// TLS is for both sides of a connection between nodes: Certificates, RootCAs for those they
	// connect to, ClientCAs and ClientAuth (tls.RequireAndVerifyClientCert) for those that come.
	TLS *tls.Config
	// InsecureCluster lets anybody who reaches Listen read and send to all rooms.
	InsecureCluster bool

	// URL is that of a NATS server, in place of one in the process: nats://host:4222. Listen,
	// Routes, Secret and TLS are not used then. Options say more: credentials, TLS.
	URL     string
	Options []nats.Option

	Prefix string // of the subjects, which applications on one NATS must not share: "spindrift"

	// Presence has the nodes tell each other who is in their rooms: Len and Members are then of
	// all nodes, a moment late. It costs a message a second for each node, and one with all its
	// members of a room when these change, every 100 ms at most.
	Presence bool
	// PresenceTimeout is how long a node is silent before its members are gone: 3 s.
	PresenceTimeout time.Duration

	// OnError is told of what goes wrong later: messages lost, the server lost, a node that is
	// not reached after some seconds, or refused for its secret, certificate or name, here and there. It is called on a goroutine of its own, with one
	// error after the other, and may call Close. What comes while a hundred wait to be told is left out.
	// nil: slog.Default.
	OnError func(error)
}

// maxPayload is what a message may have, and the list of a node's members in a room.
const maxPayload = 8 << 20

// check says what a NATS server would take, and something else would come of.
func (c *Config) check() error {
	switch {
	case strings.ContainsAny(c.Prefix, "*> \t\r\n") || slices.Contains(strings.Split(c.Prefix, "."), ""):
		return fmt.Errorf("Config.Prefix %q is no part of a subject: it has words without spaces, * and >, with a dot between two", c.Prefix)
	case c.PresenceTimeout < 0:
		return errors.New("Config.PresenceTimeout is negative: the members of other nodes would always be gone")
	}
	return nil
}

// embedded are the options of the server in the process.
func (c *Config) embedded() (*server.Options, error) {
	listen := c.Listen
	if listen == "" {
		listen = "127.0.0.1:0"
	}
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return nil, err
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return nil, fmt.Errorf("port of %q: %w", listen, err)
	}
	if number == 0 {
		number = server.RANDOM_PORT
	}
	if !loopback(host) && !c.InsecureCluster && (c.TLS == nil || c.TLS.ClientAuth != tls.RequireAndVerifyClientCert) {
		return nil, errors.New("other machines could reach " + listen + ": set TLS with ClientAuth tls.RequireAndVerifyClientCert, or InsecureCluster")
	}
	if host == "" {
		host = "0.0.0.0"
	}
	o := &server.Options{
		ServerName:          c.Name,
		Host:                "127.0.0.1", // clients are in the process, but without this port there are no routes either
		Port:                server.RANDOM_PORT,
		Username:            "process",
		Password:            rand.Text(),
		NoSigs:              true,
		MaxPayload:          maxPayload,
		ConnectErrorReports: fifth,
		Cluster:             server.ClusterOpts{Name: "spindrift", Host: host, Port: number},
	}
	var user *url.Userinfo
	if c.Secret != "" {
		o.Cluster.Username, o.Cluster.Password = "node", c.Secret
		o.Cluster.AuthTimeout = 5
		user = url.UserPassword("node", c.Secret)
	}
	if c.TLS != nil {
		o.Cluster.TLSConfig, o.Cluster.TLSTimeout = c.TLS.Clone(), 5
	}
	for _, at := range c.Routes {
		if _, _, err := net.SplitHostPort(at); err != nil {
			return nil, fmt.Errorf("route %q: %w", at, err)
		}
		o.Routes = append(o.Routes, &url.URL{Scheme: "nats", User: user, Host: at})
	}
	return o, nil
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

func (c *Config) failed(err error) {
	if c.OnError != nil {
		c.OnError(err)
	} else {
		slog.Default().Error("rooms", "node", c.Name, "error", err)
	}
}
