package main

import (
	"cmp"
	"context"
	"time"
)

// Times after which something is given up.
const (
	installTime = 10 * time.Minute
	startTime   = 40 * time.Second
	cellTime    = 30 * time.Second
)

// matrix runs every chosen case with every chosen peer.
func (r *run) matrix(ctx context.Context) *table {
	t := &table{title: "Peers", corner: "peer"}
	var chosen []*Case
	for i := range cases {
		if r.cases.has(cases[i].name) {
			chosen = append(chosen, &cases[i])
			t.columns = append(t.columns, cases[i].title)
		}
	}
	t.partial = len(chosen) < len(cases)
	if len(chosen) == 0 {
		return t
	}
	for i := range peers {
		p := &peers[i]
		if !r.peers.has(p.name) {
			continue
		}
		for _, role := range []string{"client", "server"} {
			if ctx.Err() == nil && !(p.browser && role == "server") {
				t.rows = append(t.rows, r.matrixRow(ctx, p, role, chosen))
			}
		}
	}
	return t
}

func (r *run) matrixRow(ctx context.Context, p *Peer, role string, chosen []*Case) *row {
	line := r.row(p.title + " as " + role)
	preparing, cancel := context.WithTimeout(ctx, installTime)
	defer cancel()
	argv, err := p.ready(preparing, r.say)
	if err != nil {
		return line.skip(err)
	}
	v := &visitor{run: r, role: role, argv: argv, dir: folder(p.name)}
	defer v.leave()
	for _, c := range chosen {
		if ctx.Err() != nil {
			break
		}
		if why := cmp.Or(p.cannot[c.name], p.cannot[role+" "+c.name]); why != "" {
			line.cannot(c.title, why)
			continue
		}
		line.done(c.title, v.try(ctx, c))
	}
	if v.hello.Version != "" {
		line.name = v.hello.Version + " as " + role
	}
	return line
}
