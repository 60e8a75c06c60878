//go:build !spindriftdebug

package actors

const checked = false

// check is of a debug build.
func (*conn) check() {}
