//go:build !spindriftdebug

package actors

// check is of a debug build.
func (*conn) check() {}
