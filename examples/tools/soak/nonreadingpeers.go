package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"sync"
	"time"
)

// peersAside starts this program again: the descriptors of both ends are more than
// one process may have.
func peersAside(addr string, n int) (stop func() error, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, "-nonreading", fmt.Sprint(n), "-peers", addr)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return sync.OnceValue(func() error {
		in.Close()
		return cmd.Wait()
	}), nil
}

// nonReadingPeers opens n connections that are never read from.
func nonReadingPeers(addr string, n int) (stop func() error, err error) {
	conns := make([]net.Conn, n)
	stop = sync.OnceValue(func() error {
		for _, nc := range conns {
			if nc != nil {
				nc.Close()
			}
		}
		return nil
	})
	errs := make(chan error, n)
	dialling := make(chan struct{}, nonReadingAtATime)
	for i := range conns {
		dialling <- struct{}{}
		go func() {
			defer func() { <-dialling }()
			var err error
			conns[i], err = nonReadingPeer(addr, []string{"/close", "/newest", "/oldest"}[i%3])
			errs <- err
		}()
	}
	for range conns {
		err = errors.Join(err, <-errs)
	}
	if err != nil {
		stop()
		return nil, err
	}
	return stop, nil
}

func nonReadingPeer(addr, path string) (net.Conn, error) {
	d := net.Dialer{Control: smallWindow}
	nc, err := d.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	nc.SetDeadline(time.Now().Add(grace))
	fmt.Fprintf(nc, "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n", path, addr)
	status, err := bufio.NewReader(nc).ReadString('\n')
	if err == nil && status != "HTTP/1.1 101 Switching Protocols\r\n" {
		err = errors.New(status)
	}
	if err != nil {
		nc.Close()
		return nil, err
	}
	return nc, nil
}
