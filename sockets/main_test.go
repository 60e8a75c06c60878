package sockets

import (
	"log/slog"
	"os"
	"testing"
)

// TestMain keeps the panics that tests bring about out of their output.
func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	os.Exit(m.Run())
}
