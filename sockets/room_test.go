package sockets

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// names are those of a room's members, sorted.
func names(r Room) (all []string) {
	for _, m := range r.Members() {
		all = append(all, m.Name)
	}
	slices.Sort(all)
	return all
}

// joining is a handler whose connections join room as 0, 1, 2 and so on.
func (w *world) joining(room Room) *handler {
	joined := 0
	return w.handler(func(ctx actor.Context) {
		if _, ok := ctx.Message().(*Upgraded); ok {
			assert.NoError(w, room.Join(ctx.Sender(), fmt.Sprint(joined)))
			joined++
		}
	})
}

func TestRoom(t *testing.T) {
	everywhere(t, func(w *world) {
		room := NewRoom(&RoomOptions{System: w.system})
		require.NoError(w, room.Send(frame.Text("nobody hears it")))
		h := w.joining(room)
		addr := w.websocket(&UpgradeServer{FrameHandler: h.pid})
		var peers []*peer
		var conns []*actor.PID
		for range 3 {
			peers = append(peers, w.upgrade(addr))
			conn, _ := h.upgraded()
			conns = append(conns, conn)
			require.Eventually(w, func() bool { return room.Len() == len(conns) }, testTimeout, 1e6)
		}
		require.Equal(w, []string{"0", "1", "2"}, names(room))
		hear := func(text string, who ...int) {
			w.Helper()
			for _, i := range who {
				require.Equal(w, text, peers[i].frame().String())
			}
		}
		for i := range 100 {
			require.NoError(w, room.Send(frame.Text(fmt.Sprint("all ", i))))
		}
		for i := range 100 {
			hear(fmt.Sprint("all ", i), 0, 1, 2)
		}
		require.NoError(w, room.Join(conns[1], "again"))
		require.Equal(w, []string{"0", "2", "again"}, names(room))
		room.Leave(conns[0])
		room.Leave(conns[0])
		two := frame.Binary([]byte("two"))
		require.NoError(w, room.Send(two))
		require.True(w, two.Shared(), "it is deflated for each member")
		hear("two", 1, 2)
		require.NoError(w, room.Join(conns[0], "back"))
		require.NoError(w, room.Send(frame.Text("three")))
		hear("three", 0, 1, 2)
		require.NoError(w, room.SendExcept(conns[2], frame.Text("four")))
		hear("four", 0, 1)
		for _, stranger := range []*actor.PID{h.pid, actor.NewPID("elsewhere", conns[2].Id), nil} {
			require.NoError(w, room.SendExcept(stranger, frame.Text("five")))
			hear("five", 0, 1, 2)
		}

		// Whose handler has been told Closed is no member any more.
		peers[0].reset()
		h.untilClosed()
		require.Equal(w, []string{"2", "again"}, names(room))
		require.True(w, until(func() bool { return room.Join(conns[0], "dead") != nil }))
		require.ErrorIs(w, room.Join(conns[0], "dead"), net.ErrClosed)
		require.True(w, until(func() bool { return room.Len() == 2 }))
		w.system.Root.Send(conns[1], frame.Close(frame.Normal, ""))
		peers[1].closes(frame.Normal)
		peers[1].Close()
		h.untilClosed()
		w.system.Root.Stop(conns[2])
		h.untilClosed()
		require.Zero(w, room.Len())
		require.Empty(w, room.Members())
	})
}

// A Conn is a member by its PID, and none any more when it is done.
func TestRoomOfConns(t *testing.T) {
	w := newWorld(t, bare)
	room := NewRoom(&RoomOptions{System: w.system})
	joined, done := make(chan struct{}), make(chan struct{})
	addr := w.dropIn(Session(func(ctx context.Context, c *Conn) error {
		assert.NoError(w, room.Join(c.PID(), "conn"))
		close(joined)
		f, err := c.Receive(ctx)
		if assert.NoError(w, err) {
			assert.NoError(w, room.Send(f))
		}
		_, err = c.Receive(ctx)
		assert.Error(w, err)
		<-c.Done()
		assert.Zero(w, room.Len())
		close(done)
		return nil
	}))
	p := w.upgrade(addr)
	await(w, joined)
	p.send(masked(frame.Text("hello")))
	require.Equal(w, "hello", p.frame().String())
	p.Close()
	await(w, done)
}

func TestRoomMistakes(t *testing.T) {
	w := newWorld(t, bare)
	room := NewRoom(&RoomOptions{System: w.system})
	h := w.handler()
	assert.ErrorContains(w, room.Join(nil, ""), "not a connection")
	assert.ErrorContains(w, room.Join(h.pid, ""), "not a connection")
	assert.ErrorContains(w, room.Join(actor.NewPID("elsewhere", "1"), ""), "not a connection")
	assert.ErrorIs(w, room.Join(w.system.NewLocalPID("nobody"), ""), net.ErrClosed)
	room.Leave(nil)
	room.Leave(h.pid)
	assert.ErrorIs(w, room.Send(nil), ErrNilFrame)
	assert.ErrorIs(w, room.Send(frame.Ping(nil)), ErrNoMessage)
	assert.ErrorIs(w, room.Send(frame.Fragment(frame.OpText, false, nil)), ErrNoMessage)
	assert.ErrorIs(w, room.Send(frame.Text("yours").Handover()), ErrNoMessage)
	// One that speaks HTTP yet has no messages.
	pid, err := Connect(context.Background(), w.system, "http://"+w.dropIn(nil), nil)
	require.NoError(w, err)
	assert.NoError(w, room.Join(pid, "early"))
	assert.True(w, until(func() bool { return room.Len() == 0 }))
	w.system.Root.StopFuture(pid).Wait()
	assert.Zero(w, room.Len())
}

// A Number that panics, or makes no message of one, has sent nothing and used no number up.
func TestRoomNumberThatFails(t *testing.T) {
	room := NewRoom(&RoomOptions{History: 9, Number: func(n uint64, f *frame.Frame) *frame.Frame {
		switch f.String() {
		case "panic":
			panic("on purpose")
		case "nil":
			return nil
		case "ping":
			return frame.Ping(nil)
		case "handed over":
			return frame.Text("").Handover()
		}
		return frame.Text(fmt.Sprint(n, " ", f))
	}})
	require.NoError(t, room.Send(frame.Text("a")))
	for text, want := range map[string]error{"nil": ErrNilFrame, "ping": ErrNoMessage, "handed over": ErrNoMessage} {
		assert.ErrorIs(t, room.SendAll([]*frame.Frame{frame.Text("lost"), frame.Text(text)}), want)
	}
	assert.Panics(t, func() { room.SendAll([]*frame.Frame{frame.Text("lost"), frame.Text("panic")}) })
	require.NoError(t, room.Send(frame.Text("b")))
	var kept []string
	for n, f := range room.Since(0) {
		kept = append(kept, fmt.Sprint(n, ": ", f))
	}
	assert.Equal(t, []string{"1: 1 a", "2: 2 b"}, kept)
	assert.EqualValues(t, 2, room.Last())
}

// In a storm of joins, leaves and ends of all kinds, with messages all the while, the members
// are those who should be, and at its end nothing is left.
func TestRoomStorm(t *testing.T) {
	conns := 10_000
	if testing.Short() {
		conns = 300
	}
	w := newWorld(t, bare)
	const rooms, workers = 3, 8
	var all [rooms]*LocalRoom
	for i := range all {
		all[i] = NewRoom(&RoomOptions{System: w.system, History: 8})
	}
	answersNothing := &Options{PingInterval: -1}
	addr := w.websocket(&UpgradeServer{Options: answersNothing, Spawn: actor.PropsFromFunc(func(ctx actor.Context) {
		if u, ok := ctx.Message().(*Upgraded); ok {
			name := u.Request.Header.Get("Name")
			for _, room := range all {
				assert.NoError(w, room.Join(ctx.Sender(), name))
			}
			ctx.Respond(frame.Text(ctx.Sender().Id))
		}
	})})
	quiet := make(chan struct{})
	var senders sync.WaitGroup
	for _, room := range all {
		senders.Go(func() {
			f := frame.Text("message")
			pace := time.NewTicker(time.Millisecond)
			defer pace.Stop()
			for range 2 * conns { // those who stay do not read meanwhile: no more than their sockets take
				select {
				case <-quiet:
					return
				case <-pace.C:
					room.Send(f)
				}
			}
		})
	}
	var mu sync.Mutex
	stayed := map[string]*peer{} // members of the first room
	var storm sync.WaitGroup
	for n := range workers {
		storm.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(n)))
			for i := range conns / workers {
				name := fmt.Sprint(n, "/", i)
				p := w.dial(addr)
				p.send(handshake(addr, "Name: "+name))
				p.bytes(switched())
				var id string
				for id == "" || id == "message" {
					id = p.frame().String()
				}
				pid := w.system.NewLocalPID(id)
				for _, room := range all[1:] {
					room.Leave(pid)
					if random.IntN(2) == 0 {
						assert.NoError(w, room.Join(pid, name))
					}
				}
				switch random.IntN(6) {
				case 0:
					p.reset()
				case 1:
					p.send(masked(frame.Close(frame.Normal, "")))
					p.Close()
				case 2:
					w.system.Root.Send(pid, &Cut{})
					p.Close()
				case 3:
					w.system.Root.Stop(pid)
					for range 3 {
						all[1].Join(pid, "late")
					}
					p.Close()
				case 4:
					p.Close()
					all[0].Leave(pid)
				default:
					if random.IntN(10) > 0 {
						p.Close()
						break
					}
					p.SetDeadline(time.Time{}) // the storm is longer than the time of one exchange
					mu.Lock()
					stayed[name] = p
					mu.Unlock()
					go func() { // reads what it is sent
						for b := make([]byte, 1<<10); ; {
							if _, err := p.Conn.Read(b); err != nil {
								return
							}
						}
					}()
				}
			}
		})
	}
	storm.Wait()
	close(quiet)
	senders.Wait()
	var want []string
	for name := range stayed {
		want = append(want, name)
	}
	slices.Sort(want)
	assert.True(w, until(func() bool { return all[0].Len() == len(want) }), "%d members, %d stayed", all[0].Len(), len(want))
	assert.Equal(w, want, names(all[0]))
	for _, p := range stayed {
		p.Close()
	}
	for _, room := range all {
		assert.True(w, until(func() bool { return room.Len() == 0 }))
		assert.Empty(w, room.byConn)
		assert.Nil(w, room.departed.Load())
	}
}
