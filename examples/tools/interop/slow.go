package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets"
)

// Bounds of an attack.
const slowConnections = 300

type attack struct {
	name    string
	flags   []string
	seconds int
	cut     bool // by defaults, every connection of it is ended before the attack is over
}

// attacks are what slowhttptest does to a server in actor mode.
var attacks = []attack{
	{"slow headers", []string{"-H"}, 20, true},
	{"slow bodies", []string{"-B"}, 40, true}, // a body has 30 s
	{"slow readers", []string{"-X", "-w", "64", "-y", "256", "-n", "1", "-z", "32", "-k", "3"}, 20, false},
}

// In the order of suffer.
var slowColumns = []string{"service available", "attackers cut off", "others get HTTP", "others echo"}

// slow attacks an HTTP side with slowhttptest and uses it at the same time.
func (r *run) slow(ctx context.Context) *table {
	t := &table{title: "Under slow attackers", corner: "attack", columns: slowColumns}
	if !r.cases.has("slow") || !r.peers.has("slowhttptest") {
		return t
	}
	for _, a := range attacks {
		if ctx.Err() != nil {
			break
		}
		line := r.row(fmt.Sprintf("%s, %d connections", a.name, slowConnections))
		t.rows = append(t.rows, line)
		if err := have("slowhttptest"); err != nil {
			line.skip(err)
			continue
		}
		if err := r.suffer(ctx, line, a); err != nil {
			line.done(slowColumns[0], err)
		}
	}
	return t
}

// suffer runs one attack, and visitors beside it.
func (r *run) suffer(ctx context.Context, line *row, a attack) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	listener := r.system.Root.Spawn(actor.PropsFromFunc(listen))
	defer r.system.Root.Stop(listener)
	server := &sockets.Server{System: r.system, Listener: listener}
	go server.Serve(l)
	defer server.Close()

	attacking, cancel := context.WithTimeout(ctx, time.Duration(a.seconds+20)*time.Second)
	defer cancel()
	visited := make(chan visits, 1)
	over, end := context.WithCancel(attacking)
	defer end()
	go func() { visited <- r.visitors(attacking, over, l.Addr().String()) }()

	file := filepath.Join(r.dir, strings.ReplaceAll(line.name, " ", "-"))
	argv := append([]string{"slowhttptest"}, a.flags...)
	argv = append(argv, "-u", "http://"+l.Addr().String()+"/", "-c", strconv.Itoa(slowConnections), "-r", "200",
		"-l", strconv.Itoa(a.seconds), "-i", "2", "-p", "5", "-g", "-o", file)
	said, err := command(attacking, r.dir, argv...)
	end()
	v := <-visited
	if err != nil {
		return err
	}
	line.done(slowColumns[0], available(file+".csv"))
	if a.cut {
		line.done(slowColumns[1], noneLeft(said))
	} else {
		line.cannot(slowColumns[1], "reading a response slowly is not limited by default: set WriteTimeout")
	}
	line.done(slowColumns[2], v.http)
	line.done(slowColumns[3], v.echo)
	return nil
}

// listen is a listener actor that echoes, and answers plain requests with more
// than a slow reader takes.
func listen(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *http.Request:
		if m.Header.Get("Upgrade") != "" {
			ctx.Respond(&sockets.UpgradeServer{FrameHandler: ctx.Self()})
			return
		}
		body := io.NopCloser(strings.NewReader(strings.Repeat("spindrift\n", 100_000)))
		ctx.Respond(&http.Response{StatusCode: http.StatusOK, Body: body, ContentLength: 1_000_000})
	case *frame.Frame:
		ctx.Respond(m)
	}
}

// visits is how others fared during an attack.
type visits struct {
	n          int
	http, echo error
}

// visitors asks for the page and echoes, on a WebSocket that stays and on a new
// one, several times a second until over has ended.
func (r *run) visitors(ctx, over context.Context, addr string) (v visits) {
	stays, err := dial(ctx, r.system, "ws://"+addr+"/", sockets.UpgradeClient{})
	if err != nil {
		v.echo = err
		return v
	}
	defer stays.leave(ctx)
	for over.Err() == nil && v.http == nil && v.echo == nil {
		v.n++
		visit, cancel := context.WithTimeoutCause(ctx, 5*time.Second, errors.New("no answer for 5s"))
		v.http = fetch(visit, addr)
		v.echo = stays.echoed(visit, frame.Text("stays"))
		if v.echo == nil {
			v.echo = r.come(visit, addr)
		}
		cancel()
		select {
		case <-over.Done():
		case <-time.After(200 * time.Millisecond):
		}
	}
	return v
}

// come opens a new WebSocket, echoes and leaves.
func (r *run) come(ctx context.Context, addr string) error {
	t, err := dial(ctx, r.system, "ws://"+addr+"/", sockets.UpgradeClient{})
	if err != nil {
		return err
	}
	if err := t.echoed(ctx, frame.Text("comes")); err != nil {
		return err
	}
	return t.leave(ctx)
}

func fetch(ctx context.Context, addr string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/", nil)
	if err != nil {
		return err
	}
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	n, err := io.Copy(io.Discard, response.Body)
	if err == nil && (response.StatusCode != http.StatusOK || n != 1_000_000) {
		err = fmt.Errorf("status %d and %d bytes", response.StatusCode, n)
	}
	return err
}

// noneLeft reads how an attack ended.
func noneLeft(said string) error {
	if !strings.Contains(said, "No open connections left") {
		return errors.New("some of its connections were left when the attack was over")
	}
	return nil
}

// available reads slowhttptest's statistics, lines of "Seconds,Closed,Pending,
// Connected,Service Available": no second may be without service.
func available(name string) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	lines, err := csv.NewReader(file).ReadAll()
	if err != nil {
		return err
	}
	if len(lines) < 2 {
		return errors.New("slowhttptest has no statistics")
	}
	for _, line := range lines[1:] {
		if line[len(line)-1] == "0" {
			return fmt.Errorf("no service after %s s", line[0])
		}
	}
	return nil
}
