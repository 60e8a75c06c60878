package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// A verdict is what an engine says about one case: how the messages went, and how the closing.
type verdict struct {
	Behavior string
	Close    string
}

func (v verdict) String() string {
	switch {
	case v == verdict{}:
		return "no verdict"
	case v.Behavior == v.Close:
		return v.Behavior
	}
	return v.Behavior + ", close " + v.Close
}

// verdicts holds a verdict for each case id.
type verdicts map[string]verdict

// A report is what an engine wrote about a run.
type report struct {
	verdicts verdicts
	pages    map[string]string // case id -> path of its detailed report
}

// readReport reads the index.json that an engine left in dir. The file groups cases by agent; the
// agent plays no part here, since a case that kosoku could not finish is filed under the address
// of the server and not under its name.
func readReport(dir string) (*report, error) {
	data, err := os.ReadFile(filepath.Join(dir, "index.json"))
	if err != nil {
		return nil, err
	}
	var agents map[string]map[string]struct {
		Behavior      string
		BehaviorClose string
		ReportFile    string
	}
	if err := json.Unmarshal(data, &agents); err != nil {
		return nil, fmt.Errorf("index.json in %s: %w", dir, err)
	}
	r := &report{verdicts: verdicts{}, pages: map[string]string{}}
	for agent, cases := range agents {
		for id, c := range cases {
			v := verdict{Behavior: c.Behavior, Close: c.BehaviorClose}
			if v.Behavior == "" || v.Close == "" {
				return nil, fmt.Errorf("index.json in %s: no verdict for case %s of %s", dir, id, agent)
			}
			if _, twice := r.verdicts[id]; twice {
				return nil, fmt.Errorf("index.json in %s: case %s is in it twice", dir, id)
			}
			r.verdicts[id] = v
			r.pages[id] = page(dir, c.ReportFile)
		}
	}
	return r, nil
}

// page returns the path of the report that a person would open.
func page(dir, name string) string {
	html := filepath.Join(dir, strings.TrimSuffix(name, ".json")+".html")
	if _, err := os.Stat(html); err == nil {
		return html
	}
	return filepath.Join(dir, name)
}
