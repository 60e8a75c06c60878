//go:build race

package remote

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// suppress runs this program again, with a race detector that knows of proto.actor's race: its remote
// sets grpc's logger, a global, each time a node starts, and other nodes' servers read it. See
// TestStartSilencesGRPC.
func suppress() {
	const key = "suppressions="
	options := os.Getenv("GORACE")
	if strings.Contains(options, key) {
		return
	}
	file, err := filepath.Abs("testdata/race.suppressions")
	if err == nil {
		os.Setenv("GORACE", strings.TrimSpace(options+" "+key+file))
		err = syscall.Exec(os.Args[0], os.Args, os.Environ())
	}
	fmt.Fprintln(os.Stderr, "not run again:", err)
	os.Exit(1)
}
