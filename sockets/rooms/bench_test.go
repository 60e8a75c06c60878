//go:build unix

package rooms

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

func (a *auditorium) cpu() (used time.Duration) {
	for _, p := range a.nodes {
		stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.Process.Pid))
		_, rest, _ := strings.Cut(string(stat), ") ")
		if f := strings.Fields(rest); len(f) > 12 {
			user, _ := strconv.Atoi(f[11])
			system, _ := strconv.Atoi(f[12])
			used += time.Duration(user+system) * 10 * time.Millisecond
		}
	}
	return used
}

// flood says as much as all take, for a while, and reports the messages a second that all have heard.
func (a *auditorium) flood(b *testing.B, d time.Duration) {
	const ahead = 1500 // of who has heard least: what may wait for a member is bounded
	var sent uint64
	var words []byte
	began, cpu := time.Now(), a.cpu()
	for time.Since(began) < d {
		words = words[:0]
		for least := a.least(); sent < least+ahead && len(words) < 32<<10; sent++ {
			words = said(words, sent, time.Now())
		}
		a.say(words)
		if len(words) == 0 {
			time.Sleep(200 * time.Microsecond) // the members have the processors meanwhile
		}
	}
	for a.least() < sent {
		time.Sleep(time.Millisecond)
	}
	deliveries := float64(sent) * float64(len(a.ears))
	b.ReportMetric(float64(sent)/time.Since(began).Seconds(), "messages/s")
	b.ReportMetric(float64((a.cpu()-cpu).Nanoseconds())/deliveries, "node-ns/delivery")
}

// pace says 20 messages a second, and reports how long they were on their way to each member.
func (a *auditorium) pace(b *testing.B, messages int) {
	ticker := time.NewTicker(time.Second / 20)
	defer ticker.Stop()
	cpu := a.cpu()
	for n := range messages {
		<-ticker.C
		a.say(said(nil, uint64(n), time.Now()))
	}
	for a.least() < uint64(messages) {
		time.Sleep(time.Millisecond)
	}
	var all []time.Duration
	for _, e := range a.ears {
		all = append(all, e.trips[messages/10:]...)
	}
	slices.Sort(all)
	b.ReportMetric(float64((a.cpu()-cpu).Nanoseconds())/float64(messages*len(a.ears)), "node-ns/delivery")
	b.ReportMetric(float64(all[len(all)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(all[len(all)*99/100].Microseconds())/1000, "p99-ms")
}

// BenchmarkRoom is a room whose members are 3,000 sockets on one node and on three, which are processes
// of this machine and share it with the members: how many messages of 64 bytes it takes to all of
// them in a second, and how long a message is on its way while there are 20 a second. make bench ROWS=rooms.
func BenchmarkRoom(b *testing.B) {
	for _, size := range []struct{ nodes, members int }{{1, 1000}, {1, 3000}, {3, 3000}} {
		name := fmt.Sprintf("nodes=%d/members=%d", size.nodes, size.members)
		b.Run(name+"/flood", func(b *testing.B) {
			a := newAuditorium(b, size.nodes, size.members)
			a.begin(false)
			b.ResetTimer()
			a.flood(b, 5*time.Second)
			b.ReportMetric(0, "ns/op")
		})
		b.Run(name+"/20-a-second", func(b *testing.B) {
			a := newAuditorium(b, size.nodes, size.members)
			a.begin(true)
			b.ResetTimer()
			a.pace(b, 100)
			b.ReportMetric(0, "ns/op")
		})
	}
}
