//go:build !race

package remote

const racing = false
