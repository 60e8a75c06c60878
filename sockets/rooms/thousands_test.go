//go:build unix

package rooms

import (
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/spindrift-go/spindrift/internal/harness"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A room of 3,000 on three nodes, of which one is killed, one is frozen for 5 s, one joins and one comes
// back: who was there all the time has every number, in order; who came later from then on.
func TestThousands(t *testing.T) {
	if os.Getenv("SPINDRIFT_CLUSTER") == "" {
		t.Skip("the long form of TestProcesses, for make cluster-test")
	}
	const each, pace = 1000, 20 * time.Millisecond
	a := newAuditorium(t, 3, 3*each)
	first, killed, frozen := a.nodes[0], a.nodes[1], a.nodes[2]
	a.begin(true)
	survivors, cutOff, thawed := a.ears[:each], a.ears[each:2*each], a.ears[2*each:]
	var sent uint64
	speak := func(d time.Duration) {
		t.Helper()
		ticker := time.NewTicker(pace)
		defer ticker.Stop()
		for until := time.Now().Add(d); time.Now().Before(until); sent++ {
			<-ticker.C
			a.say(said(nil, sent, time.Now()))
		}
	}
	heard := func(who string, all []*ear) {
		t.Helper()
		eventually(t, func() bool { return leastOf(t, all) == sent }, who)
	}
	joins := func() (all []*ear) {
		t.Helper()
		p := run(t, first.addr)
		for range each {
			e := newEar(t, p.url)
			e.late = true
			go e.listen(true)
			all = append(all, e)
		}
		return all
	}

	speak(time.Second / 2)
	heard("all", a.ears)
	killed.kill()
	speak(time.Second / 2)
	joined := joins()
	speak(time.Second / 2)
	require.NoError(t, harness.Freeze(frozen.Process))
	frost := time.Now()
	before := leastOf(t, thawed)
	speak(5 * time.Second)
	assert.Less(t, leastOf(t, thawed), before+uint64(time.Second/pace), "it was frozen")
	heard("who is on another node, meanwhile", survivors)
	assert.Less(t, time.Since(frost), server.DEFAULT_FLUSH_DEADLINE, "nobody has waited until NATS gives the frozen up")
	require.NoError(t, frozen.Process.Signal(syscall.SIGCONT))
	again := joins()
	speak(time.Second)
	heard("survivors", survivors)
	heard("the frozen", thawed)
	heard("who joined", joined)
	heard("who came back", again)
	for _, e := range cutOff {
		assert.Less(t, e.heard.Load(), sent)
	}
	var slowest time.Duration
	for _, e := range survivors {
		for _, trip := range e.trips {
			slowest = max(slowest, trip)
		}
	}
	t.Logf("%d messages to %d members: %d survivors, %d that were frozen, %d late; survivors waited %v at most",
		sent, 3*each, len(survivors), len(thawed), len(joined)+len(again), slowest)
}
