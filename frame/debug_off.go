//go:build !spindriftdebug

package frame

// Debug says that this build finds mistakes in the ownership of frames, at some cost:
// the build tag spindriftdebug.
const Debug = false

type trace struct{}

func (f *Frame) checkRelease()  {}
func (f *Frame) checkHandover() {}
func (f *Frame) checkTake()     {}
func (f *Frame) checkSent()     {}

// CheckPayload is for what encodes frames: in a debug build it finds a payload that
// somebody has kept beyond its release.
func (f *Frame) CheckPayload() {}

func (f *Frame) poison() { _ = f.trace }
func poison([]byte)      {}
