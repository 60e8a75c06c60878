package remote

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/asynkron/protoactor-go/remote"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets"
	"github.com/spindrift-go/spindrift/sockets/remote/wire"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// stranger is a peer that speaks grpc and means no good.
type stranger struct {
	*testing.T
	cc   *grpc.ClientConn
	node *machine
}

func (m *machine) stranger() *stranger {
	cc, err := grpc.NewClient("passthrough:///"+m.node.Addr(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(m, err)
	m.Cleanup(func() { cc.Close() })
	return &stranger{m.T, cc, m}
}

// link has the node make a link to a place where nobody answers.
func (s *stranger) link() (remote.Remoting_ReceiveClient, *link) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(s, err)
	s.Cleanup(func() { l.Close() })
	name := newLinkName()
	hello, err := s.cc.NewStream(s.Context(), &grpc.StreamDesc{}, helloMethod)
	require.NoError(s, err)
	require.NoError(s, hello.SendMsg(&wire.Hello{Version: version, From: l.Addr().String() + "~EVIL", Link: name}))
	require.NoError(s, hello.RecvMsg(new(wire.Welcome)))
	stream, err := remote.NewRemotingClient(s.cc).Receive(metadata.AppendToOutgoingContext(s.Context(), linkKey, name))
	require.NoError(s, err)
	return stream, s.node.node.link(name)
}

func batch(names []string, envelopes ...*remote.MessageEnvelope) *remote.RemoteMessage {
	return &remote.RemoteMessage{MessageType: &remote.RemoteMessage_MessageBatch{MessageBatch: &remote.MessageBatch{
		TypeNames: names, Targets: []*actor.PID{{Id: "echo"}}, Envelopes: envelopes,
	}}}
}

func pack(items ...*wire.Item) []byte {
	b, _ := proto.Marshal(&wire.Pack{Items: items})
	return b
}

// Whatever another node sends, the process lives, says what it has refused, and others' connections go on.
func TestHostileMessages(t *testing.T) {
	var said logged
	worker, gateway := start(t, Config{Log: said.logger()}), start(t, Config{})
	worker.handler("echo", echo)
	good := dial(t, gateway.serve(worker.node.Addr(), "echo"))
	says(t, good, "before")
	s := worker.stranger()

	_, err := remote.NewRemotingClient(s.cc).ListProcesses(t.Context(), &remote.ListProcessesRequest{})
	assert.Equal(t, codes.Unimplemented, status.Code(err), "it panics in proto.actor")
	stream, err := remote.NewRemotingClient(s.cc).Receive(t.Context())
	require.NoError(t, err)
	_, err = stream.Recv()
	assert.Equal(t, codes.Unimplemented, status.Code(err), "a stream of no link")
	assert.Contains(t, said.String(), "it belongs to no link")

	stream, l := s.link()
	upgraded := &wire.Upgraded{Value: &wire.Value{Is: &wire.Value_Any{Any: &wire.Any{Type: []byte("no.such.Type")}}}}
	for _, m := range []*remote.RemoteMessage{
		batch([]string{"no.such.Type"}, &remote.MessageEnvelope{}),
		batch(nil, &remote.MessageEnvelope{TypeId: 7}),
		batch([]string{packType}, &remote.MessageEnvelope{TypeId: -1, SerializerId: 99}),
		batch([]string{packType}, &remote.MessageEnvelope{MessageData: pack(
			&wire.Item{Target: []byte("echo"), Body: &wire.Item_Any{Any: &wire.Any{Type: []byte("no.such.Type")}}},
			&wire.Item{Target: []byte("echo"), Body: &wire.Item_Any{Any: &wire.Any{Type: []byte("actor.Stop")}}},
			&wire.Item{Target: []byte("echo")},
			&wire.Item{Target: []byte("eventstream"), Body: &wire.Item_Touch{Touch: &wire.Touch{}}},
			&wire.Item{Target: []byte("echo"), Sender: []byte("x"), Up: true, Body: &wire.Item_Upgraded{Upgraded: upgraded}},
			&wire.Item{Target: []byte("echo"), Sender: []byte("$1"), Up: true, Body: &wire.Item_Frame{Frame: &wire.Frame{Payload: []byte("forged")}}},
		)}),
	} {
		require.NoError(t, stream.Send(m))
	}
	eventually(t, "all refused", func() bool { return worker.node.Stats().Refused == 1+3+5 })
	assert.NotZero(t, worker.node.Stats().Late, "a frame of a connection that is not in the books")
	select {
	case <-l.lost:
		assert.Fail(t, "what is well-formed ends no link")
	default:
	}
	require.NoError(t, stream.Send(batch([]string{packType}, &remote.MessageEnvelope{MessageData: []byte("\xff\xff\xff garbage")})))
	<-l.lost
	says(t, good, "after")
}

// A node that is asked for a link, and sends by it before it has answered who it is, is not heard: who
// would be the sender?
func TestNothingIsHeardBeforeTheWelcome(t *testing.T) {
	m := start(t, Config{})
	h := m.handler("echo", echo)
	l, ok := m.node.newLink(m.node.peer("127.0.0.1:1"), newLinkName())
	require.True(t, ok)
	upgraded := &wire.Item{Target: []byte("echo"), Sender: []byte("$1"), Up: true, Body: &wire.Item_Upgraded{Upgraded: &wire.Upgraded{}}}
	require.ErrorIs(t, l.receive(pack(upgraded), true), errEarly)
	assert.Zero(t, m.node.Stats().Handled)
	assert.Empty(t, h.calls)
}

// authority makes certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "nodes"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign}
	raw, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	require.NoError(t, err)
	c, err = x509.ParseCertificate(raw)
	require.NoError(t, err)
	return &authority{c, key}
}

// member is the TLS of a node whose certificate a has signed, and which trusts a. Names are in place of its
// address.
func (a *authority) member(t *testing.T, names ...string) *tls.Config {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	c := &x509.Certificate{SerialNumber: big.NewInt(2), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	if c.DNSNames = names; names != nil {
		c.IPAddresses = nil
	}
	raw, err := x509.CreateCertificate(rand.Reader, c, a.cert, &key.PublicKey, a.key)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{raw}, PrivateKey: key}}, RootCAs: pool}
}

// Nodes show certificates to each other: who has none is not talked to, whoever dials.
func TestMutualTLS(t *testing.T) {
	ours, others := newAuthority(t), newAuthority(t)
	worker, gateway := start(t, Config{TLS: ours.member(t)}), start(t, Config{TLS: ours.member(t)})
	worker.handler("echo", echo)
	says(t, dial(t, gateway.serve(worker.node.Addr(), "echo")), "under TLS")

	half := others.member(t) // it trusts us, and has no certificate of ours
	half.RootCAs = ours.member(t).RootCAs
	for name, c := range map[string]Config{"another authority": {TLS: others.member(t)}, "a certificate of another": {TLS: half}, "in clear": {}} {
		m := start(t, c)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		assert.Error(t, m.node.Connect(ctx, worker.node.Addr()), name)
		assert.Error(t, gateway.node.Connect(ctx, m.node.Addr()), name)
		cancel()
		refused(t, m.serve(worker.node.Addr(), "echo"))
	}
	says(t, dial(t, gateway.serve(worker.node.Addr(), "echo")), "still")
}

// Nodes that have addresses nobody knows before have one name in their certificates, as pods do.
func TestOneNameForAllNodes(t *testing.T) {
	ours := newAuthority(t)
	at := func(serverName string) *machine {
		m := &machine{T: t, system: sockets.NewSystem()}
		c := Config{Addr: ":0", Advertise: "127.0.0.1:0", TLS: ours.member(t, "nodes"), Log: quietly()}
		c.TLS.ServerName = serverName
		var err error
		m.node, err = Start(m.system, c)
		require.NoError(t, err)
		t.Cleanup(func() {
			m.node.Close()
			m.system.Shutdown()
		})
		return m
	}
	worker, gateway := at("nodes"), at("nodes")
	worker.handler("echo", echo)
	says(t, dial(t, gateway.serve(worker.node.Addr(), "echo")), "by one name")
	assert.Error(t, at("").node.Connect(t.Context(), worker.node.Addr()), "an address that is not in the certificate")
}

func TestConfigIsChecked(t *testing.T) {
	ours := newAuthority(t).member(t)
	for why, c := range map[string]Config{
		"nodes must know each other": {Addr: "127.0.0.1:0"},
		"is for a loopback address":  {Addr: "10.1.2.3:0", InsecureLoopback: true},
		"are both set":               {Addr: "127.0.0.1:0", InsecureLoopback: true, TLS: ours},
		"RootCAs is nil":             {Addr: "127.0.0.1:0", TLS: &tls.Config{Certificates: ours.Certificates}},
		"no certificate":             {Addr: "127.0.0.1:0", TLS: &tls.Config{RootCAs: ours.RootCAs}},
		"names no host":              {Addr: ":7000", TLS: ours},
		"missing port":               {Addr: "127.0.0.1", TLS: ours},
		"longer than Heartbeat":      {Addr: "127.0.0.1:0", TLS: ours, Timeout: time.Second, Heartbeat: 2 * time.Second},
	} {
		_, err := Start(actor.NewActorSystem(actor.WithLoggerFactory(noLog)), c)
		assert.ErrorContains(t, err, why)
	}
	system := actor.NewActorSystem(actor.WithLoggerFactory(noLog))
	system.Root.Spawn(actor.PropsFromFunc(func(actor.Context) {}))
	_, err := Start(system, Config{Addr: "127.0.0.1:0", InsecureLoopback: true})
	assert.ErrorContains(t, err, "spawned already")
	system = actor.NewActorSystem(actor.WithLoggerFactory(noLog))
	system.Root.WithSenderMiddleware(func(next actor.SenderFunc) actor.SenderFunc { return next })
	_, err = Start(system, Config{Addr: "127.0.0.1:0", InsecureLoopback: true})
	assert.ErrorContains(t, err, "sender middleware")
}

// cut carries bytes between nodes until it is told not to, in either direction.
type cut struct {
	*testing.T
	l       net.Listener
	to      string
	forward chan struct{} // closed: nothing more goes there
}

// A link that works one way only is lost for both.
func TestLinkIsCutOneWay(t *testing.T) {
	fast := Config{Heartbeat: 50 * time.Millisecond, Timeout: 500 * time.Millisecond}
	for _, direction := range []string{"to the worker", "to the gateway"} {
		inFront := newCut(t) // of the worker, or of the gateway
		advertised := fast
		advertised.Advertise = inFront.l.Addr().String()
		w, g := fast, advertised
		if direction == "to the worker" {
			w, g = advertised, fast
		}
		worker, gateway := start(t, w), start(t, g)
		inFront.to = map[string]*machine{"to the worker": worker, "to the gateway": gateway}[direction].listens()
		go inFront.run()
		h := worker.handler("echo", echo)
		conns := crowd(t, 10, gateway.serve(worker.node.Addr(), "echo"))
		close(inFront.forward)
		for _, c := range conns {
			require.NoError(t, c.Send(t.Context(), frame.Text("lost")))
		}
		ends(t, conns, 5*time.Second, frame.InternalError)
		eventually(t, "the Closeds", func() bool { return h.closeds() == 10 })
		for _, c := range h.judge(t) {
			assert.ErrorIs(t, c.Err, ErrLinkLost, direction)
		}
	}
}

func newCut(t *testing.T) *cut {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	return &cut{T: t, l: l, forward: make(chan struct{})}
}

func (c *cut) run() {
	for {
		in, err := c.l.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", c.to)
		if err != nil {
			in.Close()
			continue
		}
		c.Cleanup(func() { in.Close(); out.Close() })
		go c.pipe(in, out, c.forward)
		go c.pipe(out, in, nil)
	}
}

// pipe swallows what comes once it is stopped.
func (c *cut) pipe(from, to net.Conn, stopped chan struct{}) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		select {
		case <-stopped:
			continue
		default:
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}
