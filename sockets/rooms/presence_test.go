package rooms

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
)

// road is the way to a node, which can be closed.
type road struct {
	net.Listener
	to string

	mu     sync.Mutex
	closed bool
	under  []net.Conn // way
}

func newRoad(t *testing.T, to string) *road {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	r := &road{Listener: l, to: to}
	t.Cleanup(func() { l.Close(); r.close(true) })
	go func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			go r.carry(nc)
		}
	}()
	return r
}

func (r *road) carry(a net.Conn) {
	b, err := net.Dial("tcp", r.to)
	if err != nil {
		a.Close()
		return
	}
	r.mu.Lock()
	if r.under = append(r.under, a, b); r.closed {
		a.Close()
		b.Close()
	}
	r.mu.Unlock()
	go func() { io.Copy(a, b); a.Close() }()
	io.Copy(b, a)
	b.Close()
}

func (r *road) close(yes bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = yes
	for _, nc := range r.under {
		nc.Close()
	}
	r.under = nil
}

// Who joins a room while two nodes cannot hear each other is known when they can again, also where they have not given
// each other up, and the other has nothing else to say.
func TestPresenceAfterALostReport(t *testing.T) {
	c := Config{Presence: true, PresenceTimeout: 3 * within}
	c.Name = "a"
	a := open(t, c)
	way := newRoad(t, a.Addr().String())
	c.Name, c.Routes = "b", []string{way.Addr().String()}
	b := open(t, c)
	dial(t, b.url, "ann")
	room, err := a.Room("lobby", nil)
	require.NoError(t, err)
	eventually(t, func() bool { return fmt.Sprint(names(room)) == "[ann@b]" })
	way.close(true)
	eventually(t, func() bool { return b.server.NumRoutes() == 0 })
	dial(t, b.url, "bob")
	told := b.nats.Stats().OutMsgs
	eventually(t, func() bool { return b.nats.Stats().OutMsgs > told+1 }, "who has joined is told")
	way.close(false)
	eventually(t, func() bool { return fmt.Sprint(names(room)) == "[ann@b bob@b]" }, "who was not heard of is missing")
}

// hesitant dials connections that take their time for a PING, the last that a node sends.
type hesitant struct{}

func (hesitant) Dial(network, address string) (net.Conn, error) {
	nc, err := net.Dial(network, address)
	return hesitantConn{nc}, err
}

type hesitantConn struct{ net.Conn }

func (c hesitantConn) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte("PING")) {
		<-time.After(50 * time.Millisecond)
	}
	return c.Conn.Write(p)
}

// What another node says while this one leaves does not have it answer when it has said that it is gone.
func TestNothingIsSaidBehindGoodBye(t *testing.T) {
	at := elsewhere(t)
	other, err := nats.Connect(at)
	require.NoError(t, err)
	defer other.Close()
	var heard struct {
		sync.Mutex
		left, late bool
	}
	_, err = other.Subscribe("spindrift.presence", func(m *nats.Msg) {
		var r report
		if json.Unmarshal(m.Data, &r) != nil || r.Node != "a" {
			return
		}
		heard.Lock()
		defer heard.Unlock()
		heard.late = heard.late || heard.left
		heard.left = heard.left || r.Left
	})
	require.NoError(t, err)
	a := open(t, Config{Name: "a", URL: at, Presence: true, Options: []nats.Option{nats.SetCustomDialer(hesitant{})}})
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		every := time.NewTicker(50 * time.Microsecond)
		defer every.Stop()
		for i := int64(1); ; i++ {
			select {
			case <-every.C: // each is a node of which all is missing
				other.Publish("spindrift.presence", fmt.Appendf(nil, `{"Node": "b", "Started": %d, "Count": 1, "News": 1}`, i))
			case <-stop:
				return
			}
		}
	}()
	eventually(t, func() bool { return len(a.Nodes()) == 1 })
	a.Close()
	close(stop)
	<-stopped
	require.NoError(t, other.Flush())
	eventually(t, func() bool {
		heard.Lock()
		defer heard.Unlock()
		return heard.left
	})
	heard.Lock()
	defer heard.Unlock()
	require.False(t, heard.late)
}
