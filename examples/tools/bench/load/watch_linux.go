package load

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// stall is how long a run may go without one answer.
const stall = 15 * time.Second

// tally is what a running window counts; record is called for every answer.
type tally struct {
	report *Report
	on     bool
}

func (t *tally) record(latency time.Duration, n int) {
	if t.on {
		t.report.Latency.Record(latency, uint64(n))
	}
}

// watch lets l turn again and again, on one thread, and opens and closes the window around the turns.
//
// The thread spins. If it slept, the server's write would pay for waking it up, which costs microseconds in a virtual machine,
// and a slower server, whose load sleeps more often, would pay more for each write.
func watch(ctx context.Context, w Window, count *tally, l *loop, react reaction) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var cancelled atomic.Bool
	defer context.AfterFunc(ctx, func() { cancelled.Store(true) })()

	start := time.Now()
	began, heard := time.Duration(0), time.Duration(0)
	var cpu, worked, wait time.Duration
	if w.Sleep {
		wait = 50 * time.Millisecond
	}
	for {
		answers, err := l.turn(wait, react)
		if err != nil {
			return err
		}
		now := time.Since(start)
		switch {
		case cancelled.Load():
			return context.Cause(ctx)
		case answers > 0:
			heard = now
			if w.Answered != nil {
				w.Answered.Add(uint64(answers))
			}
		case now-heard > stall:
			return errors.New("load: no answer for " + stall.String())
		}
		if count.on {
			count.report.Messages += uint64(answers)
			if now-began >= w.Duration && count.report.Messages > 0 {
				call(w.End)
				count.report.CPU, count.report.Worked = processCPU()-cpu, l.worked-worked
				count.report.Elapsed = now - began
				return nil
			}
		} else if now >= w.Warmup {
			call(w.Begin)
			cpu, worked = processCPU(), l.worked
			began, count.on = time.Since(start), true
		}
	}
}

func call(f func()) {
	if f != nil {
		f()
	}
}

func processCPU() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &t); err != nil {
		return 0
	}
	return time.Duration(t.Nano())
}
