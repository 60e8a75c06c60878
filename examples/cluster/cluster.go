package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"sync"
	"syscall"
)

// cluster is the nodes' processes, and what their clients saw.
type cluster struct {
	program string

	mu    sync.Mutex
	nodes []*nodeProcess
	seen  seen

	says chan string // what the page has one of the clients say
}

// nodeProcess is a node that runs, or may.
type nodeProcess struct {
	spec
	cmd    *exec.Cmd // nil: it does not run
	in     io.Closer
	frozen bool
}

func newCluster(program string) (*cluster, error) {
	c := &cluster{program: program, seen: newSeen(), says: make(chan string)}
	var addrs []string
	for range 8 { // all are held until the last is known
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		addrs = append(addrs, l.Addr().String())
	}
	workers := []string{addrs[0], addrs[2]}
	for _, s := range []spec{
		{Name: "A", Addr: addrs[0], HTTP: addrs[3], Worker: true, Workers: workers},
		{Name: "B", Addr: addrs[1], HTTP: addrs[4], Workers: workers},
		{Name: "C", Addr: addrs[2], Worker: true, Workers: workers},
	} {
		at := 5 + len(c.nodes)
		s.Rooms, s.Routes = addrs[at], slices.Delete(slices.Clone(addrs[5:]), at-5, at-4)
		c.nodes = append(c.nodes, &nodeProcess{spec: s})
	}
	return c, nil
}

func (c *cluster) startAll() error {
	for _, n := range c.nodes {
		if err := c.do(n.Name, "start"); err != nil {
			return err
		}
	}
	return nil
}

// do does to a node what a button says.
func (c *cluster) do(name, what string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range c.nodes {
		if n.Name != name {
			continue
		}
		if what == "start" {
			if n.cmd != nil {
				return fmt.Errorf("%s runs already", name)
			}
			return c.start(n)
		}
		signal, ok := map[string]syscall.Signal{"kill": syscall.SIGKILL, "roll": syscall.SIGTERM, "freeze": syscall.SIGSTOP, "thaw": syscall.SIGCONT}[what]
		if !ok {
			return fmt.Errorf("nobody knows how to %q", what)
		}
		if n.cmd == nil {
			return fmt.Errorf("%s does not run", name)
		}
		n.frozen = what == "freeze" || what != "thaw" && n.frozen
		return n.cmd.Process.Signal(signal)
	}
	return fmt.Errorf("there is no node %q", name)
}

// start starts a node and waits until it is ready.
func (c *cluster) start(n *nodeProcess) error {
	text, err := json.Marshal(n.spec)
	if err != nil {
		return err
	}
	cmd := exec.Command(c.program)
	cmd.Env = append(os.Environ(), nodeEnv+"="+string(text))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	n.cmd, n.in, n.frozen = cmd, in, false
	lines := bufio.NewScanner(out)
	ready := lines.Scan()
	go func() {
		for lines.Scan() {
		}
		cmd.Wait()
		c.mu.Lock()
		defer c.mu.Unlock()
		if n.cmd == cmd {
			n.cmd, n.frozen = nil, false
		}
	}()
	if !ready {
		return fmt.Errorf("%s has not started", n.Name)
	}
	return nil
}

// stop ends all nodes.
func (c *cluster) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range c.nodes {
		if n.cmd != nil {
			n.cmd.Process.Kill()
			n.in.Close()
		}
	}
}
