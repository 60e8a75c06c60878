package main

import (
	_ "embed"
	"encoding/json"
	"maps"
	"net/http"
	"time"
)

//go:embed page.html
var html []byte

// page serves the page, its state and its buttons.
func (c *cluster) page() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) { w.Write(html) })
	mux.HandleFunc("GET /state", func(w http.ResponseWriter, r *http.Request) { json.NewEncoder(w).Encode(c.state()) })
	mux.HandleFunc("POST /do/{node}/{what}", func(w http.ResponseWriter, r *http.Request) {
		if err := c.do(r.PathValue("node"), r.PathValue("what")); err != nil {
			http.Error(w, err.Error(), http.StatusConflict)
		}
	})
	mux.HandleFunc("POST /say", func(w http.ResponseWriter, r *http.Request) {
		select {
		case c.says <- r.PostFormValue("text"):
		case <-time.After(2 * time.Second):
			http.Error(w, "no client is connected", http.StatusConflict)
		}
	})
	return http.NewCrossOriginProtection().Handler(mux) // a button is for this page
}

// state is what the page shows.
type state struct {
	Nodes []nodeState
	Where map[string]int // clients, by gateway and worker
	Ends  map[string]int
	Moved int
	Away  int
	Trips int
	Trip  float64 // ms

	Heard, Missed int
	Said          []said
	Present       map[string]map[string]int
}

type nodeState struct {
	Name, Addr      string
	Gateway, Worker bool
	Runs, Frozen    bool
}

func (c *cluster) state() (s state) {
	c.mu.Lock()
	for _, n := range c.nodes {
		s.Nodes = append(s.Nodes, nodeState{n.Name, n.Addr, n.HTTP != "", n.Worker, n.cmd != nil, n.frozen})
	}
	c.mu.Unlock()
	c.seen.add(func(v *seen) {
		s.Where, s.Ends = maps.Clone(v.Where), maps.Clone(v.Ends)
		s.Moved, s.Away, s.Trips, s.Trip = v.Moved, v.Away, v.Trips, float64(v.Last.Microseconds())/1000
		s.Heard, s.Missed, s.Present = v.Heard, v.Missed, maps.Clone(v.Present)
		for _, m := range v.Said {
			s.Said = append(s.Said, *m)
		}
	})
	return s
}
