package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// machine says what the figures depend on besides the programs.
func machine(cores int) []string {
	facts := []string{fmt.Sprintf("%s, %d cores", cpuModel(), cores)}
	var name unix.Utsname
	if unix.Uname(&name) == nil {
		facts = append(facts, "Linux "+unix.ByteSliceToString(name.Release[:])+", "+runtime.Version())
	}
	for _, tool := range [][]string{{"node", "--version"}, {"cargo", "--version"}} {
		if out, err := exec.Command(tool[0], tool[1:]...).Output(); err == nil {
			facts = append(facts, tool[0]+" "+strings.TrimPrefix(strings.TrimSpace(string(out)), tool[0]+" "))
		}
	}
	return facts
}

// machineBusy returns the time that all cores together have not been idle, in steps of 10 ms.
func machineBusy() time.Duration {
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	var user, nice, system, idle, iowait, irq, softirq, steal int64
	if _, err := fmt.Sscanf(string(stat), "cpu %d %d %d %d %d %d %d %d", &user, &nice, &system, &idle, &iowait, &irq, &softirq, &steal); err != nil {
		return 0
	}
	const tick = 10 * time.Millisecond
	return time.Duration(user+nice+system+irq+softirq+steal) * tick
}

func cpuModel() string {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	for line := range strings.Lines(string(info)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}
