package load

import (
	"net"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"
)

func TestWireTakesAShortReadForTheLast(t *testing.T) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pair[0])
	defer unix.Close(pair[1])
	w := &wire{fd: pair[0], polled: true}
	for i, step := range []struct {
		arrives string
		room    int
		want    int
		err     error
	}{
		{arrives: "abcdef", room: 4, want: 4},             // the buffer was full: there may be more
		{room: 4, want: 2},                                // short: this was all
		{arrives: "ghi", room: 4, want: 0, err: errAgain}, // not asked for, so epoll tells
		{room: 4, want: 3},
	} {
		if _, err := unix.Write(pair[1], []byte(step.arrives)); err != nil {
			t.Fatal(err)
		}
		if n, err := w.Read(make([]byte, step.room)); n != step.want || err != step.err {
			t.Errorf("step %d: %d, %v", i, n, err)
		}
	}
}

func TestDisconnectLeavesTheSocketForAnotherConnection(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	to := netip.MustParseAddrPort(ln.Addr().String())
	fd, err := connect(to, false)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	for i := range 3 {
		if i > 0 {
			if err := unix.Connect(fd, &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}); err != nil {
				t.Fatal(err)
			}
		}
		server, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := writeFD(fd, []byte("x")); err != nil {
			t.Fatal(err)
		}
		if n, err := server.Read(make([]byte, 9)); n != 1 || err != nil {
			t.Errorf("connection %d: %d, %v", i, n, err)
		}
		if err := disconnect(fd); err != nil {
			t.Fatal(err)
		}
		if _, err := server.Read(make([]byte, 9)); err == nil {
			t.Errorf("connection %d is still there", i)
		}
		server.Close()
	}
}
