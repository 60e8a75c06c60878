//go:build unix

package harness

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Freeze stops p by SIGSTOP and returns when it has stopped, which a process does a thread at a time and a while after the signal:
// until then it may still answer. Where the system does not tell, as outside of Linux, it returns at once.
func Freeze(p *os.Process) error {
	if err := p.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	threads := fmt.Sprintf("/proc/%d/task/*/stat", p.Pid)
	if !Until(10*time.Second, func() bool { return allStopped(threads) }) {
		return fmt.Errorf("process %d has not stopped", p.Pid)
	}
	return nil
}

func allStopped(threads string) bool {
	files, _ := filepath.Glob(threads)
	for _, file := range files {
		stat, err := os.ReadFile(file)
		if err != nil {
			continue // the thread has ended
		}
		if _, state, _ := bytes.Cut(stat[bytes.LastIndexByte(stat, ')'):], []byte(" ")); !bytes.HasPrefix(state, []byte("T")) {
			return false
		}
	}
	return true
}
