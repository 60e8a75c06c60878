package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A process is a running server.
type process struct {
	cmd    *exec.Cmd
	addr   string // where it serves
	stats  string // where it tells about itself; empty when it does not
	said   *tail
	exited chan struct{}
}

// startTime bounds how long a server may take until it accepts connections: a JVM is slow on one core.
const startTime = 60 * time.Second

// startServer runs argv on one core and waits until it serves.
func startServer(ctx context.Context, c contender, r row, core int) (*process, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	argv, announces := c.command(r, port)
	p := &process{said: &tail{}, exited: make(chan struct{})}
	p.cmd = exec.Command(argv[0], argv[1:]...)
	p.cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	if r.Streams > 0 {
		p.cmd.Env = append(p.cmd.Env, "GODEBUG=http2xconnect=1") // as sockets/http2 does, for this row only
	}
	p.cmd.Stderr = p.said
	// A bench that is killed takes its server with it.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var out io.ReadCloser
	if announces {
		if out, err = p.cmd.StdoutPipe(); err != nil {
			return nil, err
		}
	}
	if err := onCore(core, p.cmd.Start); err != nil {
		return nil, fmt.Errorf("start %s: %w", c.Name, err)
	}
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	if announces {
		err = p.announced(ctx, out)
	} else {
		go p.reap()
		p.addr = fmt.Sprintf("127.0.0.1:%d", port)
		err = p.accepts(ctx)
	}
	if err != nil {
		p.stop()
		return nil, fmt.Errorf("start %s: %w%s", c.Name, err, p.said)
	}
	return p, nil
}

func (p *process) reap() {
	_ = p.cmd.Wait()
	close(p.exited)
}

// announced reads the line that says where the server listens.
func (p *process) announced(ctx context.Context, out io.Reader) error {
	first := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(out).ReadString('\n')
		first <- line
		p.reap()
	}()
	select {
	case line := <-first:
		if n, _ := fmt.Sscanf(line, "serving %s stats %s", &p.addr, &p.stats); n != 2 {
			return fmt.Errorf("it said %q", line)
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// accepts knocks until somebody opens.
func (p *process) accepts(ctx context.Context) error {
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		if c, err := net.Dial("tcp", p.addr); err == nil {
			return c.Close()
		}
		select {
		case <-again.C:
		case <-p.exited:
			return errors.New("it ended")
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (p *process) stop() {
	_ = p.cmd.Process.Kill()
	<-p.exited
}

// cpu returns the CPU time of the process, to the nanosecond.
func (p *process) cpu() time.Duration {
	// The clock of another process, as clock_getcpuclockid(3) makes it: CPUCLOCK_SCHED is 2.
	clock := int32(^p.cmd.Process.Pid<<3 | 2)
	var t unix.Timespec
	if err := unix.ClockGettime(clock, &t); err != nil {
		return 0
	}
	return time.Duration(t.Nano())
}

// resident returns the bytes of memory that the process has in RAM.
func (p *process) resident() float64 {
	statm, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	var size, pages float64
	if _, err := fmt.Fscan(bytes.NewReader(statm), &size, &pages); err != nil {
		return 0
	}
	return pages * float64(os.Getpagesize())
}

// onCore calls start on a thread that is confined to one core, which a process started there inherits.
func onCore(core int, start func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before, only unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return fmt.Errorf("affinity: %w", err)
	}
	only.Set(core)
	if err := unix.SchedSetaffinity(0, &only); err != nil {
		return fmt.Errorf("affinity: %w", err)
	}
	return errors.Join(start(), unix.SchedSetaffinity(0, &before))
}

// permittedCores lists the cores that this process may run on.
func permittedCores() ([]int, error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return nil, fmt.Errorf("affinity: %w", err)
	}
	var cores []int
	for core := 0; len(cores) < set.Count(); core++ {
		if set.IsSet(core) {
			cores = append(cores, core)
		}
	}
	return cores, nil
}

// confine puts every thread of this process, and those that they will start, on one core.
func confine(core int) error {
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err
	}
	var only unix.CPUSet
	only.Set(core)
	for _, thread := range threads {
		var tid int
		if _, err := fmt.Sscan(thread.Name(), &tid); err != nil {
			return err
		}
		if err := unix.SchedSetaffinity(tid, &only); err != nil && err != unix.ESRCH {
			return fmt.Errorf("affinity: %w", err)
		}
	}
	return nil
}

func freePort() (int, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).Port, nil
}

// tail keeps the end of what a server wrote to its standard error. Only the goroutine that copies it writes.
type tail struct{ kept []byte }

func (t *tail) Write(b []byte) (int, error) {
	const most = 2000
	t.kept = append(t.kept, b...)
	t.kept = t.kept[max(0, len(t.kept)-most):]
	return len(b), nil
}

// String is for after the process has ended.
func (t *tail) String() string {
	if len(t.kept) == 0 {
		return ""
	}
	return ": " + strings.TrimSpace(string(t.kept))
}
