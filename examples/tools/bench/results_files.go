package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// The files of an -out directory.
const (
	markdownFile = "results.md"
	chartFile    = "results.svg"
	summaryFile  = "summary.svg"
	dataFile     = "results.json"
)

// write puts the page, the charts and the samples behind them into dir.
func (r *report) write(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	var page, chart, summary bytes.Buffer
	r.writeMarkdown(&page)
	r.writeSVG(&chart)
	r.short().writeSVG(&summary)
	data, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(filepath.Join(dir, markdownFile), page.Bytes(), 0o644),
		os.WriteFile(filepath.Join(dir, chartFile), chart.Bytes(), 0o644),
		os.WriteFile(filepath.Join(dir, summaryFile), summary.Bytes(), 0o644),
		os.WriteFile(filepath.Join(dir, dataFile), append(data, '\n'), 0o644),
	)
}

// readReport returns an empty report when dir has none.
func readReport(dir string) (*report, error) {
	data, err := os.ReadFile(filepath.Join(dir, dataFile))
	if errors.Is(err, fs.ErrNotExist) {
		return &report{}, nil
	}
	if err != nil {
		return nil, err
	}
	var r report
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, fmt.Errorf("%s: %w", dataFile, err)
	}
	return &r, nil
}

// merge puts the newer rows in the place of the older ones of the same name, and keeps the rows in the bench's order.
func (r *report) merge(newer *report, order []row) {
	r.Machine = newer.Machine
	for _, c := range newer.Contenders {
		if i := slices.IndexFunc(r.Contenders, func(old contender) bool { return old.Name == c.Name }); i >= 0 {
			r.Contenders[i] = c
		} else {
			r.Contenders = append(r.Contenders, c)
		}
	}
	var merged []result
	for _, row := range order {
		for _, from := range [][]result{newer.Results, r.Results} {
			if i := slices.IndexFunc(from, func(res result) bool { return res.Row.ID == row.ID }); i >= 0 {
				merged = append(merged, from[i])
				break
			}
		}
	}
	r.Results = merged
}
