package sockets_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets"
	"github.com/spindrift-go/spindrift/sockets/sockettest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// crowd is a room and its server, in virtual time.
type crowd struct {
	*testing.T
	room   *sockets.LocalRoom
	server *sockettest.Server
	closed chan *sockets.Closed
	later  chan *actor.PID // of /later, which has not joined
}

func newCrowd(t *testing.T, o sockets.RoomOptions) *crowd {
	o.System = sockets.NewSystem()
	c := &crowd{T: t, room: sockets.NewRoom(&o), closed: make(chan *sockets.Closed, 10), later: make(chan *actor.PID, 1)}
	c.server = sockettest.Serve(t, &sockets.Server{System: o.System, Server: http.Server{Handler: &sockets.Handler{
		Options: &sockets.Options{WriteStall: -1, PingInterval: -1},
		Spawn: actor.PropsFromFunc(func(ctx actor.Context) {
			switch m := ctx.Message().(type) {
			case *sockets.Upgraded:
				if m.Request.URL.Path == "/later" {
					c.later <- ctx.Sender()
				} else {
					assert.NoError(t, c.room.Join(ctx.Sender(), m.Request.URL.Path))
				}
			case *sockets.Closed:
				c.closed <- m
			}
		}),
	}}})
	return c
}

func message(i int) string { return fmt.Sprint(i, " ", strings.Repeat("x", 1000)) }

// A member that reads nothing is closed, or messages are left out for it, as the room's options
// say; the others get all of them, and at once.
func TestSlowMember(t *testing.T) {
	const kilobytes = 1 << 10
	for name, test := range map[string]struct {
		options sockets.RoomOptions
		closed  time.Duration // after the first message that is too many; -1: it is not
		gets    int           // of the 300 kilobytes, besides those that the network takes
	}{
		"closed at once":        {sockets.RoomOptions{MaxOut: 100 * kilobytes, SlowAfter: -1}, 0, 100},
		"closed after a while":  {sockets.RoomOptions{MaxOut: 100 * kilobytes, SlowAfter: time.Second}, time.Second, 300},
		"closed over the bound": {sockets.RoomOptions{MaxOut: 100 * kilobytes, SlowAfter: time.Hour, MaxBurst: 200 * kilobytes}, 0, 200},
		"left out":              {sockets.RoomOptions{MaxOut: 100 * kilobytes, SlowAfter: -1, WhenFull: sockets.DropNewest}, -1, 100},
		"left out after a while": {sockets.RoomOptions{MaxOut: 100 * kilobytes, SlowAfter: time.Hour, MaxBurst: 200 * kilobytes,
			WhenFull: sockets.DropNewest}, -1, 200},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCrowd(t, test.options)
				quick, slow := c.server.Connect("/quick"), c.server.Connect("/slow")
				synctest.Wait()
				require.Equal(t, 2, c.room.Len())
				slow.Stall()
				for i := range 300 {
					require.NoError(t, c.room.Send(frame.Text(message(i))))
					quick.ExpectText(message(i))
				}
				time.Sleep(test.closed)
				c.room.Send(frame.Text(message(300)))
				quick.ExpectText(message(300))
				stats := c.room.Stats()
				assert.EqualValues(t, 301, stats.Sent)
				slow.Resume()
				if test.closed >= 0 {
					assert.Equal(t, 1, c.room.Len())
					assert.EqualValues(t, 1, stats.Closed)
					assert.Zero(t, stats.Dropped)
					end := <-c.closed
					assert.Equal(t, frame.PolicyViolation, end.Code)
					assert.ErrorIs(t, end.Err, sockets.ErrSlowConsumer)
					return
				}
				assert.Equal(t, 2, c.room.Len())
				assert.Zero(t, stats.Closed)
				got, last := 0, -1
				for ; got < 301-int(stats.Dropped); got++ {
					var number int
					fmt.Sscan(slow.ReceiveText(), &number)
					require.Greater(t, number, last)
					last = number
				}
				assert.InDelta(t, test.gets, got, 75)
				synctest.Wait()
				c.room.Send(frame.Text("caught up"))
				slow.ExpectText("caught up")
				quick.ExpectText("caught up")
			})
		})
	}
}

// A client that comes back is sent what it has missed, as far as the room has it, and then what
// comes: each message once.
func TestRoomHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t, sockets.RoomOptions{History: 5, Number: func(n uint64, f *frame.Frame) *frame.Frame {
			return frame.Text(fmt.Sprint(n, ":", f))
		}})
		send := func(texts ...string) {
			for _, text := range texts {
				require.NoError(t, c.room.Send(frame.Text(text)))
			}
		}
		since := func(after uint64) (all []string) {
			for n, f := range c.room.Since(after) {
				require.Equal(t, fmt.Sprint(n), strings.Split(f.String(), ":")[0])
				all = append(all, f.String())
			}
			return all
		}
		assert.Zero(t, c.room.Last())
		assert.Empty(t, since(0))
		send("a", "b", "c")
		assert.Equal(t, []string{"1:a", "2:b", "3:c"}, since(0))
		assert.Equal(t, []string{"3:c"}, since(2))
		assert.Empty(t, since(3))
		assert.Equal(t, []string{"1:a", "2:b", "3:c"}, since(99), "a number of another process")
		send("d", "e", "f", "g")
		assert.EqualValues(t, 7, c.room.Last())
		assert.Equal(t, []string{"3:c", "4:d", "5:e", "6:f", "7:g"}, since(0))
		assert.Equal(t, []string{"6:f", "7:g"}, since(5))

		for after := range 8 { // one message more each time
			want := since(uint64(after))
			p := c.server.Connect("/later")
			got, err := c.room.JoinAfter(<-c.later, "", uint64(after))
			require.NoError(t, err)
			require.EqualValues(t, 2, got, after)
			send("next")
			for _, text := range append(want, fmt.Sprint(c.room.Last(), ":next")) {
				p.ExpectText(text)
			}
			p.ExpectNothing(time.Second)
			p.Close(frame.Normal, "")
		}
	})
}

// What a client that comes back is sent of the history is not held against it: what comes behind is neither left out nor the end, as long as no
// more waits besides than for any other member.
func TestRoomHistoryIsNoBurst(t *testing.T) {
	for _, policy := range []sockets.Policy{sockets.CloseSlow, sockets.DropNewest} {
		synctest.Test(t, func(t *testing.T) {
			c := newCrowd(t, sockets.RoomOptions{History: 300, MaxOut: 100 << 10, SlowAfter: time.Second, MaxBurst: 200 << 10, WhenFull: policy})
			for i := range 300 {
				require.NoError(t, c.room.Send(frame.Text(message(i))))
			}
			p := c.server.Connect("/later")
			synctest.Wait()
			p.Stall()
			_, err := c.room.JoinAfter(<-c.later, "", 0)
			require.NoError(t, err)
			for i := range 2 {
				require.NoError(t, c.room.Send(frame.Text(message(300+i))))
				synctest.Wait()
				time.Sleep(2 * time.Second)
			}
			p.Resume()
			for i := range 302 {
				p.ExpectText(message(i))
			}
			synctest.Wait()
			p.Stall()
			for i := range 400 { // it has caught up: the next are as many as for any other
				require.NoError(t, c.room.Send(frame.Text(message(i))))
			}
			stats := c.room.Stats()
			assert.NotZero(t, stats.Dropped+stats.Closed)
			p.Resume()
		})
	}
}

// A room that names no system is of whichever has its members, one after the other: that of a
// program, or that of a test.
func TestRoomOfNoSystem(t *testing.T) {
	room := sockets.NewRoom(nil)
	joins := make(chan error, 3)
	join := sockets.Session(func(ctx context.Context, c *sockets.Conn) error {
		err := room.Join(c.PID(), "")
		joins <- err
		if err == nil {
			_, err = c.Receive(ctx)
		}
		return err
	})
	for range 2 {
		synctest.Test(t, func(t *testing.T) {
			server := sockettest.NewServer(t, join)
			a, b := server.Connect("/"), server.Connect("/")
			require.NoError(t, errors.Join(<-joins, <-joins))
			require.NoError(t, room.Send(frame.Text("hello")))
			a.ExpectText("hello")
			b.ExpectText("hello")
			stranger := sockettest.NewServer(t, join).Connect("/") // of another system, while there are members
			assert.ErrorContains(t, <-joins, "RoomOptions.System")
			stranger.ExpectClose(frame.InternalError)
		})
		require.Zero(t, room.Len())
	}
}

// Several messages in a row are sent as they would be one by one, or none of them is.
func TestRoomSendAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t, sockets.RoomOptions{History: 5, MaxOut: 100 << 10, SlowAfter: -1, Number: func(n uint64, f *frame.Frame) *frame.Frame {
			return frame.Text(fmt.Sprint(n, ":", f))
		}})
		quick, slow := c.server.Connect("/quick"), c.server.Connect("/slow")
		synctest.Wait()
		slow.Stall()
		require.ErrorIs(t, c.room.SendAll([]*frame.Frame{frame.Text("a"), frame.Ping(nil)}), sockets.ErrNoMessage)
		require.NoError(t, c.room.SendAll(nil))
		sent := 0
		for c.room.Len() > 1 { // until one is slow, in the middle of a batch
			var batch []*frame.Frame
			for range 7 {
				batch = append(batch, frame.Text(message(sent)))
				sent++
			}
			require.NoError(t, c.room.SendAll(batch))
			for i := sent - 7; i < sent; i++ {
				quick.ExpectText(fmt.Sprint(i+1, ":", message(i)))
			}
			require.Less(t, sent, 1000)
		}
		stats := c.room.Stats()
		assert.EqualValues(t, sent, stats.Sent)
		assert.EqualValues(t, 1, stats.Closed)
		assert.Zero(t, stats.Dropped)
		var kept []uint64
		for n := range c.room.Since(0) {
			kept = append(kept, n)
		}
		assert.Len(t, kept, 5)
		slow.Resume()
		assert.ErrorIs(t, (<-c.closed).Err, sockets.ErrSlowConsumer)
	})
}

// A connection takes of messages that are sent together what it would take of them one by one: as
// many as its limit has space for.
func TestRoomSendAllWithinALimit(t *testing.T) {
	arrive := func(send func(room *sockets.LocalRoom, batch []*frame.Frame)) (arrived int) {
		synctest.Test(t, func(t *testing.T) {
			system := sockets.NewSystem()
			room := sockets.NewRoom(&sockets.RoomOptions{System: system, MaxOut: -1})
			closed := make(chan *sockets.Closed, 1)
			server := sockettest.Serve(t, &sockets.Server{System: system, Server: http.Server{Handler: &sockets.Handler{
				Options: &sockets.Options{MaxOut: 10 << 10, MaxBurst: 20 << 10, SlowAfter: -1, WriteStall: -1, PingInterval: -1},
				Spawn: actor.PropsFromFunc(func(ctx actor.Context) {
					switch m := ctx.Message().(type) {
					case *sockets.Upgraded:
						assert.NoError(t, room.Join(ctx.Sender(), "member"))
					case *sockets.Closed:
						closed <- m
					}
				}),
			}}})
			member, err := server.DialContext(t.Context(), "tcp", "")
			require.NoError(t, err)
			defer member.Close()
			io.WriteString(member, "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
				"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
			synctest.Wait()
			for range 70 { // the network is full before the first batch: it takes nothing meanwhile
				assert.NoError(t, room.Send(frame.Text(message(0))))
				synctest.Wait()
			}
			for range 5 { // more than the limit has space for
				var batch []*frame.Frame
				for range 14 {
					batch = append(batch, frame.Text(message(0)))
				}
				send(room, batch)
				synctest.Wait()
			}
			all, err := io.ReadAll(member) // not before
			require.NoError(t, err)
			arrived = bytes.Count(all, []byte("0 x"))
			assert.ErrorIs(t, (<-closed).Err, sockets.ErrSlowConsumer)
		})
		return arrived
	}
	together := arrive(func(room *sockets.LocalRoom, batch []*frame.Frame) { assert.NoError(t, room.SendAll(batch)) })
	alone := arrive(func(room *sockets.LocalRoom, batch []*frame.Frame) {
		for _, f := range batch {
			assert.NoError(t, room.Send(f))
		}
	})
	assert.Equal(t, alone, together)
	assert.NotZero(t, (together-70)%14, "the limit is in the middle of a batch")
}
