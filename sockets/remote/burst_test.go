package remote

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/asynkron/protoactor-go/remote"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets/remote/wire"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// Of a burst only the first Item says where it goes, and each frame arrives there.
func TestBurstsSayOnceWhereTheyGo(t *testing.T) {
	a, b := address{target: "a", sender: "s", senderAddress: "n", senderRequest: 7, up: true}, address{target: "b"}
	o := outbox{most: 1 << 30}
	var want []address
	for i, to := range []address{a, a, b, b, b, a, a, b, a, a} {
		m := outgoing{address: to, kind: kindFrame, frame: frame.Text(fmt.Sprint(i))}
		switch i {
		case 3:
			m.header, _ = proto.Marshal(&wire.Item{Header: []*wire.Field{{Name: []byte("n"), Values: [][]byte{[]byte("v")}}}})
		case 5:
			m.kind, m.frame = kindTouch, nil
		}
		o.put(&m)
		want = append(want, to)
	}
	n, again := 0, ""
	for pack := range packs(&o) {
		require.NoError(t, items(pack, func(i *item) {
			got := address{string(i.target), string(i.sender), string(i.senderAddress), i.targetRequest, i.senderRequest, i.up}
			require.Equal(t, want[n], got, "Item %d", n)
			require.Equal(t, n == 3, i.headers() != nil, "Item %d", n)
			if n != 5 {
				f, err := frameIn(i.body, 0)
				require.NoError(t, err)
				require.Equal(t, fmt.Sprint(n), f.String())
			}
			if i.again {
				again += fmt.Sprint(n)
			}
			n++
		}))
	}
	assert.Equal(t, "1469", again)
	assert.Equal(t, len(want), n)
}

// A frame that says not where it goes, at the beginning of a Pack or behind what was refused, goes nowhere.
func TestFramesWithoutAnAddress(t *testing.T) {
	m := start(t, Config{})
	h := m.handler("echo", nil)
	l, ok := m.node.newLink(m.node.peer("127.0.0.1:1"), newLinkName())
	require.True(t, ok)
	l.know("127.0.0.1:1~EVIL", false)
	text := func(text, target, sender string, up bool) *wire.Item {
		return &wire.Item{Target: []byte(target), Sender: []byte(sender), Up: up, Body: &wire.Item_Frame{Frame: &wire.Frame{Head: 17, Payload: []byte(text)}}}
	}
	require.NoError(t, l.receive(pack(
		text("nobody's", "", "", false),
		&wire.Item{Target: []byte("echo"), Sender: []byte("$1"), Up: true, Body: &wire.Item_Upgraded{Upgraded: &wire.Upgraded{}}},
		text("1", "", "", false), text("2", "", "", false), text("3", "", "", false),
		text("late", "echo", "$2", true), text("late", "", "", false),
		text("4", "echo", "$1", true), text("5", "", "", false),
		&wire.Item{Target: []byte("echo"), Sender: []byte("$1"), Up: true, Body: &wire.Item_Closed{Closed: &wire.Closed{Code: 1000}}},
		text("behind Closed", "", "", false),
	), false))
	var got string
	for range 7 {
		c := <-h.calls
		if f, ok := c.message.(*frame.Frame); ok {
			got += f.String()
			assert.Equal(t, "$1", c.sender.Id)
		}
	}
	assert.Equal(t, "12345", got)
	assert.Len(t, h.judge(t), 1)
	assert.EqualValues(t, 3, m.node.Stats().Late)
}

// A PID without an Id is nobody's, and not that of whom the frame before was for.
func TestFramesForNobody(t *testing.T) {
	m := start(t, Config{})
	l, ok := m.node.newLink(m.node.peer("127.0.0.1:1"), newLinkName())
	require.True(t, ok)
	err := m.node.send(l, &actor.PID{}, nil, frame.Text("nobody's"), nil, false)
	assert.ErrorContains(t, err, "has no Id")
	assert.Empty(t, l.out.buf)
}

// What codec writes is a RemoteMessage for protobuf's own code, and it reads what that writes.
func TestPacksAreRemoteMessages(t *testing.T) {
	c := newCodec()
	for _, size := range []int{0, 1, 100, 5000, packSize, 2 * packSize} {
		data := bytes.Repeat([]byte{'x'}, size)
		out, err := c.Marshal(packOut{mem.SliceBuffer(data)})
		require.NoError(t, err)
		m := new(remote.RemoteMessage)
		require.NoError(t, proto.Unmarshal(out.Materialize(), m))
		require.True(t, proto.Equal(batch1(data), m), "%d bytes", size)

		whole := mem.BufferSlice{mem.SliceBuffer(out.Materialize())}
		for _, in := range []mem.BufferSlice{out, whole} {
			var p packIn
			require.NoError(t, c.Unmarshal(in, &p))
			require.Nil(t, p.whole)
			require.Equal(t, data, p.pack)
			require.Equal(t, len(in) > 1 && size > packSize+packSize/4, p.own)
			p.free()
		}
		other := batch1(data)
		other.GetMessageBatch().TypeNames = []string{"another", packType}
		b, err := proto.Marshal(other)
		require.NoError(t, err)
		var p packIn
		require.NoError(t, c.Unmarshal(mem.BufferSlice{mem.SliceBuffer(b)}, &p))
		require.True(t, proto.Equal(other, p.whole))
		require.Error(t, c.Unmarshal(mem.BufferSlice{mem.SliceBuffer(b[:len(b)-1])}, &p))
	}
}

func batch1(pack []byte) *remote.RemoteMessage {
	return &remote.RemoteMessage{MessageType: &remote.RemoteMessage_MessageBatch{MessageBatch: &remote.MessageBatch{
		TypeNames: []string{packType}, Envelopes: []*remote.MessageEnvelope{{MessageData: pack}},
	}}}
}

// A buffer that was sent is filled again, unless it is too large for what is usual.
func TestBuffersAreUsedAgain(t *testing.T) {
	o := outbox{most: 1 << 30}
	sent := func(size int) (data *byte) {
		o.put(&outgoing{address: address{target: "t"}, kind: kindFrame, frame: frame.Binary(make([]byte, size))})
		for pack := range packs(&o) {
			data = &pack[0]
		}
		return data
	}
	first := sent(64)
	assert.Same(t, first, sent(64))
	assert.NotSame(t, first, sent(4*packSize))
	assert.Empty(t, o.spares)
}

// slowStream is a stream whose other node does not read: grpc keeps what it is given.
type slowStream struct {
	grpc.ClientStream
	packs []mem.Buffer
}

func (s *slowStream) SendMsg(m any) error {
	s.packs = append(s.packs, m.(packOut).pack)
	return nil
}

// grpc has one Pack at a time, so that nobody who sends waits for it. What comes meanwhile is the next.
func TestOnePackIsUnderWay(t *testing.T) {
	m := start(t, Config{MaxQueue: 8 * packSize})
	l, ok := m.node.newLink(m.node.peer("127.0.0.1:1"), newLinkName())
	require.True(t, ok)
	s := &slowStream{}
	l.stream = s
	l.opened.Store(true)
	l.turn = func() {} // what is to be sent is sent by the test
	put := func(n int) {
		for i := range n {
			require.True(t, l.post(&outgoing{address: addressOf("t"), kind: kindFrame, frame: frame.Text(fmt.Sprint(i))}))
		}
	}
	under := func() (n int) { // way
		require.Len(t, s.packs, 1)
		b := s.packs[0]
		require.NoError(t, items(b.ReadOnlyData(), func(*item) { n++ }))
		s.packs = nil
		b.Free() // grpc has written it
		return n
	}
	put(1)
	l.send()
	put(100)
	l.send()
	assert.Equal(t, 1, under())
	l.send()
	l.send()
	assert.Equal(t, 100, under())
	l.send()
	assert.Empty(t, s.packs)
	assert.False(t, l.out.called)

	put(1)
	l.send()
	big := &outgoing{address: addressOf("t"), kind: kindFrame, frame: frame.Binary(make([]byte, packSize))}
	for l.post(big) {
	}
	require.Len(t, s.packs, 1, "it is lost when too much waits, and grpc was not given more")
	<-l.lost
	s.packs[0].Free()
	l.send()
	assert.Len(t, s.packs, 1)
}

// A node of another version is refused, and told why.
func TestAnotherVersionIsRefused(t *testing.T) {
	m := start(t, Config{})
	s := m.stranger()
	hello, err := s.cc.NewStream(t.Context(), &grpc.StreamDesc{}, helloMethod)
	require.NoError(t, err)
	require.NoError(t, hello.SendMsg(&wire.Hello{Version: version - 1, From: "127.0.0.1:1~OLD", Link: newLinkName()}))
	err = hello.RecvMsg(new(wire.Welcome))
	assert.Equal(t, codes.FailedPrecondition, status.Code(err))
	assert.ErrorContains(t, err, fmt.Sprintf("version %d is not spoken here, but %d", version-1, version))
}
