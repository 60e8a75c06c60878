package sockets

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/internal/errorlog"
	"github.com/spindrift-go/spindrift/pipeline"
)

// logOf is where the program hears of mistakes of its own: the log of the server that r
// came to; nil: slog.Default.
func logOf(r *http.Request) *errorlog.Log {
	if p := infoOf(r.Context()); p != nil {
		return p.log
	}
	if s, ok := r.Context().Value(http.ServerContextKey).(*http.Server); ok && s.ErrorLog != nil {
		return &errorlog.Log{Logger: s.ErrorLog}
	}
	return nil
}

// checkStages says which of them is none.
func checkStages(stages []pipeline.Stage) error {
	for i, s := range stages {
		if s == nil {
			return fmt.Errorf("no stage: Stages[%d] is nil", i)
		}
	}
	return nil
}

// checkHandler says what is wrong with who is to get a connection's messages.
func checkHandler(handler *actor.PID, spawn *actor.Props) error {
	switch {
	case handler == nil && spawn == nil:
		return errors.New("neither FrameHandler nor Spawn is set: one of them gets the connection's messages")
	case handler != nil && spawn != nil:
		return errors.New("FrameHandler and Spawn are both set: only one of them can get the connection's messages")
	}
	return nil
}
