//go:build spindriftdebug

package frame

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"unsafe"
)

// Debug says that this build finds mistakes in the ownership of frames, at some cost:
// the build tag spindriftdebug.
const Debug = true

// trace is the last use of a frame of those that an owner may make of it once only.
type trace struct{ last atomic.Pointer[use] }

type use struct {
	what  string
	stack [12]uintptr
}

func (f *Frame) note(what string) {
	u := &use{what: what}
	runtime.Callers(3, u.stack[:])
	f.trace.last.Store(u)
}

// String is what was done, and where. Of nil it is empty.
func (u *use) String() string {
	if u == nil {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "; it was %s at", u.what)
	frames := runtime.CallersFrames(u.stack[:])
	for {
		at, more := frames.Next()
		if at.PC != 0 {
			fmt.Fprintf(&b, "\n\t%s\n\t\t%s:%d", at.Function, at.File, at.Line)
		}
		if !more {
			return b.String()
		}
	}
}

func (f *Frame) misused(how string) {
	panic(fmt.Sprintf("frame: %s frame of %d bytes is %s%v", f.Opcode, len(f.Payload), how, f.trace.last.Load()))
}

func (f *Frame) checkRelease() {
	switch o := f.owner.Load(); {
	case o&handed != 0:
		f.misused("released after Handover")
	case o&released != 0:
		f.misused("released twice")
	case o >= holder:
		f.misused("released while a connection has yet to send it")
	}
	f.note("released")
}

func (f *Frame) checkHandover() {
	switch o := f.owner.Load(); {
	case o&released != 0:
		f.misused("handed over after Release")
	case o&handed != 0:
		f.misused("handed over twice")
	}
	f.note("handed over")
}

func (f *Frame) checkTake() {
	switch o := f.owner.Load(); {
	case o&released != 0:
		f.misused("sent after Release")
	case o&(claimed|freed) != 0:
		f.misused("sent to a second connection after Handover")
	}
	f.CheckPayload()
}

func (f *Frame) checkSent() {
	if o := f.owner.Load(); o&freed != 0 {
		f.misused("given up twice in a pipeline")
	} else if o&handed != 0 && o < 2*holder {
		f.note("given up")
	}
}

// poisoned is what released memory holds, again and again. No byte of it comes twice.
const poisoned = "\xDB\x0D\x5A\xF0\xC3\x96\x69\x3C"

func poison(p []byte) {
	p = p[:cap(p)]
	// In copies that double: the race detector looks at a copy once, and at a loop once a byte.
	for n := copy(p, poisoned); n < len(p); n *= 2 {
		copy(p[n:], p[:n])
	}
}

// isPoisoned reports whether all of p is a part of what poison has left.
func isPoisoned(p []byte) bool {
	if len(p) < len(poisoned) {
		return false
	}
	start := strings.IndexByte(poisoned, p[0])
	return start >= 0 && string(p[:len(poisoned)]) == poisoned[start:]+poisoned[:start] &&
		bytes.Equal(p[len(poisoned):], p[:len(p)-len(poisoned)]) // each byte is the one before by as many
}

// poison overwrites what New made: any other memory is the program's own.
func (f *Frame) poison() {
	inside := uintptr(unsafe.Pointer(unsafe.SliceData(f.Payload))) - uintptr(unsafe.Pointer(f))
	if f.lease != nil {
		f.lease.giveBack()
	} else if inside == unsafe.Offsetof(small{}.bytes) && !f.Opcode.Control() {
		poison(f.Payload)
	}
}

// CheckPayload is for what encodes frames: in a debug build it finds a payload that
// somebody has kept beyond its release.
func (f *Frame) CheckPayload() {
	if f.owner.Load()&freed != 0 {
		f.misused("used after it was given back")
	}
	if isPoisoned(f.Payload) {
		f.misused("sent with a payload that was released")
	}
}
