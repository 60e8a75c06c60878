package rooms

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets"
)

// What a member of any node says reaches those of all, in the order in which it was said.
func TestRoom(t *testing.T) {
	nodes := cluster(t, 3, Config{})
	var all []*client
	for i, n := range nodes {
		for j := range 2 {
			all = append(all, dial(t, n.url, fmt.Sprintf("%d%d", i, j)))
		}
	}
	meet(t, all...)
	for i := range 100 {
		all[0].say(fmt.Sprint("first ", i))
		all[5].say(fmt.Sprint("last ", i))
	}
	for _, c := range all {
		first, last := 0, 0
		for first+last < 200 {
			if text := c.next(); text == fmt.Sprint("first ", first) {
				first++
			} else {
				require.Equal(t, fmt.Sprint("last ", last), text)
				last++
			}
		}
	}
	room, err := nodes[1].Room("lobby", nil)
	require.NoError(t, err)
	require.Equal(t, []string{"10@b", "11@b"}, names(room))
	require.Equal(t, 2, room.Len())

	require.NoError(t, room.Send(frame.Binary([]byte{0, 1, 2})))
	for _, c := range all {
		f, err := c.Receive(t.Context())
		require.NoError(t, err)
		for f.Opcode == frame.OpText { // of meet
			f, err = c.Receive(t.Context())
			require.NoError(t, err)
		}
		require.Equal(t, []byte{0, 1, 2}, f.Payload)
	}
	// Another room, whose name would be several parts of a subject, is another room.
	other, err := nodes[1].Room("lobby.> *", nil)
	require.NoError(t, err)
	require.NoError(t, other.Send(frame.Text("nobody")))
	for _, m := range room.Members() {
		room.Leave(m.Conn)
	}
	require.Zero(t, room.Len())
	assert.ErrorIs(t, room.Send(nil), sockets.ErrNilFrame)
	assert.ErrorIs(t, room.Send(frame.Ping(nil)), sockets.ErrNoMessage)
	assert.ErrorIs(t, room.Send(frame.Binary(make([]byte, maxPayload))), nats.ErrMaxPayload)
	nodes[1].Close()
	assert.ErrorIs(t, room.Send(frame.Text("late")), ErrClosed)
	_, err = nodes[1].Room("late", nil)
	assert.ErrorIs(t, err, ErrClosed)
}

// A room that is being opened when its node is closed fails as one that is opened later.
func TestRoomWhileClosing(t *testing.T) {
	n := open(t, Config{})
	n.nats.Close() // in the middle of Close
	_, err := n.Room("lobby", nil)
	assert.ErrorIs(t, err, ErrClosed)
	wire := &deaf{asked: make(chan struct{}, 100)}
	n = open(t, Config{URL: elsewhere(t), Options: []nats.Option{nats.SetCustomDialer(wire)}})
	wire.hears.Lock()
	defer wire.hears.Unlock()
	failed := make(chan error)
	go func() {
		_, err := n.Room("lobby", nil)
		failed <- err
	}()
	<-wire.asked
	n.Close()
	assert.ErrorIs(t, <-failed, ErrClosed)
}

// Who is told of what goes wrong may close the node.
func TestOnErrorMayClose(t *testing.T) {
	for name, fail := range map[string]func(n *Node){
		"of the server": func(n *Node) { n.log.Errorf("on purpose") },
		"of a presence": func(n *Node) { n.nats.Close() },
		"of a room":     func(n *Node) { n.nats.Publish(n.config.Prefix+".room."+token("lobby"), nil) },
		"of many things": func(n *Node) {
			for range 2 * maxUntold {
				n.failed(errors.New("on purpose"))
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			node, closed := make(chan *Node, 1), make(chan struct{})
			var once sync.Once
			n, err := Open(nil, Config{Presence: true, OnError: func(error) {
				once.Do(func() { (<-node).Close(); close(closed) })
			}})
			require.NoError(t, err)
			defer n.Close()
			_, err = n.Room("lobby", nil)
			require.NoError(t, err)
			node <- n
			fail(n)
			select {
			case <-closed:
			case <-time.After(within):
				require.Fail(t, "Close hangs")
			}
		})
	}
}

// Who is told of what goes wrong, and panics or ends its goroutine, is told of the next.
func TestOnErrorThatFails(t *testing.T) {
	told := make(chan error, 3)
	n, err := Open(nil, Config{OnError: func(err error) {
		told <- err
		switch err.Error() {
		case "panic":
			panic("on purpose")
		case "exit":
			runtime.Goexit()
		}
	}})
	require.NoError(t, err)
	defer n.Close()
	for _, text := range []string{"panic", "exit", "no more"} {
		n.failed(errors.New(text))
		select {
		case err := <-told:
			require.EqualError(t, err, text)
		case <-time.After(within):
			require.Fail(t, "nobody is told", text)
		}
	}
}

// A Number that fails costs its message, and nothing else.
func TestNumberThatFails(t *testing.T) {
	n := open(t, Config{})
	room, err := n.Room("numbered", &sockets.RoomOptions{History: 9, Number: func(n uint64, f *frame.Frame) *frame.Frame {
		switch f.String() {
		case "panic":
			panic("on purpose")
		case "nil":
			return nil
		case "exit":
			runtime.Goexit()
		}
		return frame.Text(fmt.Sprint(n, " ", f))
	}})
	require.NoError(t, err)
	for _, text := range []string{"a", "panic", "b", "nil", "exit", "c"} {
		require.NoError(t, room.Send(frame.Text(text)))
	}
	for _, want := range []string{"panicked: on purpose", "nil frame", "runtime.Goexit"} {
		select {
		case err := <-n.told:
			require.ErrorContains(t, err, want)
		case <-time.After(within):
			require.Fail(t, want)
		}
	}
	require.Eventually(t, func() bool { return room.Here().Last() == 3 }, within, time.Millisecond)
	var kept []string
	for _, f := range room.Here().Since(0) {
		kept = append(kept, f.String())
	}
	require.Equal(t, []string{"1 a", "2 b", "3 c"}, kept)
}

// SendExcept leaves out one member, on its own node only: those of others that have an ID like its
// own get the message.
func TestSendExcept(t *testing.T) {
	nodes := cluster(t, 2, Config{})
	var all []*client
	for _, n := range nodes {
		for _, name := range []string{"ann", "bob"} {
			all = append(all, dial(t, n.url, name))
		}
	}
	meet(t, all...)
	room, err := nodes[0].Room("lobby", nil)
	require.NoError(t, err)
	for _, m := range room.Members() {
		if m.Name == "ann" {
			require.NoError(t, room.SendExcept(m.Conn, frame.Text("from ann")))
		}
	}
	all[0].say("over")
	assert.Equal(t, "over", all[0].next())
	for _, c := range all[1:] {
		assert.Equal(t, "from ann", c.next())
		assert.Equal(t, "over", c.next())
	}
	other := actor.NewPID(room.node.system.Address(), "x")
	for _, but := range []*actor.PID{nil, other} {
		who, f := room.node.decode(room.node.encode(but, frame.Text("hi")))
		assert.Equal(t, but.GetId(), who.GetId())
		assert.Equal(t, frame.OpText, f.Opcode)
		assert.Equal(t, "hi", f.String())
	}
	who, f := nodes[1].decode(room.node.encode(other, frame.Binary(nil)))
	assert.Nil(t, who, "a connection of another node")
	assert.Empty(t, f.Payload)
	for _, nonsense := range [][]byte{{0x81}, {0x81, 5, 'a'}, {0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}} {
		_, f := room.node.decode(nonsense)
		assert.Nil(t, f, "%x", nonsense)
	}
}

// Members on nodes that live have every message of a sender, in order, while a node's server is
// gone of a sudden, one comes and one comes again.
func TestSurvivors(t *testing.T) {
	const last = 1500
	nodes := cluster(t, 3, Config{})
	speaker := dial(t, nodes[0].url, "speaker")
	survivors := []*client{dial(t, nodes[0].url, "a"), dial(t, nodes[2].url, "c")}
	victim := dial(t, nodes[1].url, "b")
	meet(t, append(survivors, victim, speaker)...)
	go func() {
		for { // it must be read, too
			if _, err := speaker.Receive(context.Background()); err != nil {
				return
			}
		}
	}()
	spoken := make(chan struct{})
	go func() {
		defer close(spoken)
		pace := time.NewTicker(time.Millisecond)
		defer pace.Stop()
		for i := range last {
			<-pace.C
			if !assert.NoError(t, speaker.SendText(context.Background(), fmt.Sprint(i))) {
				return
			}
			switch i {
			case 300:
				nodes[1].server.Shutdown() // without a word to anybody
			case 600:
				go open(t, Config{Name: "d", Routes: []string{nodes[0].Addr().String()}})
			}
		}
	}()
	for _, c := range survivors {
		for i := range last {
			require.Equal(t, fmt.Sprint(i), c.next(), c)
		}
	}
	<-spoken
	again := open(t, Config{Name: "b", Routes: []string{nodes[2].Addr().String()}})
	meet(t, append(survivors, dial(t, again.url, "back"))...)
}

func TestPresence(t *testing.T) {
	c := Config{Presence: true, PresenceTimeout: 2500 * time.Millisecond}
	nodes := cluster(t, 2, c)
	ann, bob := dial(t, nodes[0].url, "ann"), dial(t, nodes[1].url, "bob")
	room := func(n *place) *Room {
		r, err := n.Room("lobby", nil)
		require.NoError(t, err)
		return r
	}
	sees := func(n *place, want ...string) {
		t.Helper()
		eventually(t, func() bool { return fmt.Sprint(names(room(n))) == fmt.Sprint(want) }, "%s wants %v", n.Name(), want)
		require.Equal(t, len(want), room(n).Len())
	}
	assert.Equal(t, "node a, room lobby", fmt.Sprintf("%+v, %+v", nodes[0].Node, room(nodes[0])))
	sees(nodes[0], "ann@a", "bob@b")
	sees(nodes[1], "ann@a", "bob@b")
	// One that comes later asks.
	c.Name, c.Routes = "c", []string{nodes[1].Addr().String()}
	late := open(t, c)
	cid := dial(t, late.url, "cid")
	sees(late, "ann@a", "bob@b", "cid@c")
	sees(nodes[0], "ann@a", "bob@b", "cid@c")
	require.Equal(t, []string{"b", "c"}, nodes[0].Nodes())
	// Who ends is gone, here and there.
	require.NoError(t, ann.Close(frame.Normal, ""))
	sees(nodes[1], "bob@b", "cid@c")
	sees(nodes[0], "bob@b", "cid@c")
	// So is everybody on a node that leaves, and on one that is silent.
	late.Close()
	sees(nodes[0], "bob@b")
	require.NoError(t, cid.Close(frame.Normal, ""))
	nodes[1].server.Shutdown()
	sees(nodes[0])
	_ = bob
}

// elsewhere starts a NATS server that is no node's, and returns its URL.
func elsewhere(t *testing.T) string {
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true})
	require.NoError(t, err)
	s.Start()
	t.Cleanup(s.WaitForShutdown)
	t.Cleanup(s.Shutdown)
	require.True(t, s.ReadyForConnections(within))
	return s.ClientURL()
}

// A server that runs elsewhere does as well.
func TestURL(t *testing.T) {
	at := elsewhere(t)
	a, b := open(t, Config{Name: "a", URL: at}), open(t, Config{Name: "b", URL: at})
	require.Nil(t, a.Addr())
	ann, bob := dial(t, a.url, "ann"), dial(t, b.url, "bob")
	meet(t, ann, bob)
	ann.say("hello")
	require.Equal(t, "hello", bob.next())
	_, err := Open(nil, Config{URL: "nats://127.0.0.1:1"})
	require.Error(t, err)
}

// Who opens a room waits for a server that does not answer, and nobody else does.
func TestServerThatDoesNotAnswer(t *testing.T) {
	wire := &deaf{asked: make(chan struct{}, 100)}
	n := open(t, Config{URL: elsewhere(t), Presence: true, Options: []nats.Option{nats.SetCustomDialer(wire)}})
	_, err := n.Room("known", nil)
	require.NoError(t, err)
	wire.hears.Lock()
	defer wire.hears.Unlock()
	for len(wire.asked) > 0 {
		<-wire.asked
	}
	failed := make(chan error, 2)
	for range cap(failed) {
		go func() {
			_, err := n.Room("new", nil)
			failed <- err
		}()
	}
	<-wire.asked
	over := make(chan struct{})
	go func() {
		_, err := n.Room("known", nil)
		assert.NoError(t, err)
		n.Close()
		close(over)
	}()
	select {
	case <-over:
	case <-time.After(serverTimeout / 2):
		require.Fail(t, "waits for the room of another")
	}
	for range cap(failed) {
		require.Error(t, <-failed)
	}
}

// deaf dials connections that hear nothing while hears is locked.
type deaf struct {
	hears sync.RWMutex
	asked chan struct{} // has something when an answer is awaited
}

func (d *deaf) Dial(network, address string) (net.Conn, error) {
	nc, err := net.Dial(network, address)
	return &deafConn{nc, d}, err
}

type deafConn struct {
	net.Conn
	wire *deaf
}

func (c *deafConn) Read(p []byte) (n int, err error) {
	n, err = c.Conn.Read(p)
	c.wire.hears.RLock()
	defer c.wire.hears.RUnlock()
	return n, err
}

func (c *deafConn) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte("PING")) {
		select {
		case c.wire.asked <- struct{}{}:
		default:
		}
	}
	return c.Conn.Write(p)
}

// A server that takes nothing keeps nobody for long who sends, nor who closes the node.
func TestServerThatTakesNothing(t *testing.T) {
	wire := &full{stuck: make(chan struct{})}
	n := open(t, Config{URL: elsewhere(t), Presence: true, Options: []nats.Option{nats.SetCustomDialer(wire)}})
	room, err := n.Room("lobby", nil)
	require.NoError(t, err)
	close(wire.stuck)
	failed := make(chan struct{})
	go func() {
		defer close(failed)
		for room.Send(frame.Binary(make([]byte, 100_000))) == nil {
		}
	}()
	select {
	case <-failed:
	case <-time.After(2 * writeTimeout):
		require.Fail(t, "Send waits")
	}
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		n.Close()
	}()
	select {
	case <-closed:
	case <-time.After(2 * leaveTimeout):
		require.Fail(t, "Close waits")
	}
}

// full dials connections that take nothing from when stuck is closed.
type full struct{ stuck chan struct{} }

func (f *full) Dial(network, address string) (net.Conn, error) {
	select {
	case <-f.stuck:
		return nil, errors.New("on purpose")
	default:
	}
	nc, err := net.Dial(network, address)
	return &fullConn{Conn: nc, full: f}, err
}

type fullConn struct {
	net.Conn
	full *full
	late time.Time
}

func (c *fullConn) SetWriteDeadline(late time.Time) error {
	c.late = late
	return nil
}

func (c *fullConn) Write(p []byte) (int, error) {
	select {
	case <-c.full.stuck:
		<-time.After(time.Until(c.late))
		return 0, os.ErrDeadlineExceeded
	default:
		return c.Conn.Write(p)
	}
}

// A server that comes back and knows nobody at first is tried again.
func TestServerThatRefusesForAWhile(t *testing.T) {
	start := func(port int, password string) *server.Server {
		s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: port, Username: "node", Password: password, NoLog: true, NoSigs: true})
		require.NoError(t, err)
		s.Start()
		require.True(t, s.ReadyForConnections(within))
		return s
	}
	end := func(s *server.Server) {
		s.Shutdown()
		s.WaitForShutdown()
	}
	s := start(server.RANDOM_PORT, "secret")
	at := s.Addr().(*net.TCPAddr)
	n := open(t, Config{URL: "nats://node:secret@" + at.String(), Options: []nats.Option{nats.ReconnectWait(time.Millisecond), nats.ReconnectJitter(0, 0)}})
	ann := dial(t, n.url, "ann")
	end(s)
	s = start(at.Port, "another")
	for refused := 0; refused < 3; {
		select {
		case err := <-n.told:
			if errors.Is(err, nats.ErrAuthorization) {
				refused++
			}
		case <-time.After(within):
			require.Fail(t, "it is not tried again")
		}
	}
	end(s)
	s = start(at.Port, "secret")
	defer end(s)
	meet(t, ann)
}

// A route that is not there is told of, but not at the first attempt.
func TestRouteThatIsNotThere(t *testing.T) {
	told := make(chan error, 100)
	n, err := Open(nil, Config{Listen: "127.0.0.1:0", Routes: []string{"127.0.0.1:1"}, OnError: func(err error) { told <- err }})
	require.NoError(t, err)
	defer n.Close()
	select {
	case err := <-told:
		require.ErrorContains(t, err, "(attempt 5)")
	case <-time.After(within):
		t.Fatal("nobody was told")
	}
}

// A mistake is told at once, in one line.
func TestConfigMistakes(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	began := time.Now()
	_, err = Open(nil, Config{Listen: taken.Addr().String()})
	require.ErrorContains(t, err, "address already in use")
	require.Less(t, time.Since(began), serverTimeout/2)

	for _, c := range []Config{{Listen: "nowhere"}, {Listen: "127.0.0.1:x"}, {Listen: ":0"}, {Listen: "0.0.0.0:0"}, {Listen: "192.0.2.1:6222"}} {
		_, err := Open(nil, c)
		require.Error(t, err, c.Listen)
		require.NotContains(t, err.Error(), "\n")
	}
	n := open(t, Config{})
	_, err = n.Room("other system", &sockets.RoomOptions{System: sockets.NewSystem()})
	require.ErrorContains(t, err, "not the node's")
}
