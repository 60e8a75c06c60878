package load

import (
	"net"
	"testing"
	"time"
)

func TestDeliveries(t *testing.T) {
	d := newDeliveries(2, 2)
	for want := range 2 {
		if got := d.sent(time.Duration(want)); got != want {
			t.Fatalf("message %d, want %d", got, want)
		}
	}
	for i, c := range []struct {
		member   int
		latency  time.Duration
		everyone bool
	}{
		{member: 0, latency: 10},
		{member: 0, latency: 9},
		{member: 1, latency: 10, everyone: true},
		{member: 1, latency: 9, everyone: true},
	} {
		latency, everyone, err := d.delivered(c.member, 10)
		if latency != c.latency || everyone != c.everyone || err != nil {
			t.Errorf("delivery %d: %d, %t, %v", i, latency, everyone, err)
		}
	}
	if _, _, err := d.delivered(0, 10); err == nil {
		t.Error("a delivery of what nobody sent")
	}
	d.sent(20)
	if latency, everyone, err := d.delivered(1, 25); latency != 5 || everyone || err != nil {
		t.Errorf("the first slot again: %d, %t, %v", latency, everyone, err)
	}
}

// What fits between a server and a member that reads nothing is less than the load sends before it measures.
func TestSlowMemberIsSlow(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	p, err := dial(Target{Addr: l.Addr().String(), narrow: true})
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetWriteDeadline(time.Now().Add(200 * time.Millisecond))
	message, taken := make([]byte, 512), 0
	for taken < fill {
		if _, err := c.Write(message); err != nil {
			break
		}
		taken++
	}
	if taken >= fill {
		t.Errorf("%d messages fit", taken)
	}
	t.Log(taken, "messages fit")
}
