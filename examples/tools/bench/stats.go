package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

// stats is what a Go server says about itself.
type stats struct {
	CPU        time.Duration `json:"cpu"`
	RSS        int64         `json:"rss"`
	Heap       uint64        `json:"heap"`
	Stack      uint64        `json:"stack"`
	Mallocs    uint64        `json:"mallocs"`
	Goroutines int           `json:"goroutines"`
}

// ask reads /stats; query is "", "gc=1" or "free=1".
func ask(ctx context.Context, addr, query string) (stats, error) {
	var s stats
	body, err := get(ctx, "http://"+addr+"/stats?"+query)
	if err != nil {
		return s, err
	}
	defer body.Close()
	return s, json.NewDecoder(body).Decode(&s)
}

// profile writes a CPU profile of the server at addr to a file. It takes d, in whole seconds and at least one.
func profile(ctx context.Context, addr, file string, d time.Duration) error {
	body, err := get(ctx, fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", addr, max(1, int(d.Seconds()))))
	if err != nil {
		return err
	}
	defer body.Close()
	whole, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	return os.WriteFile(file, whole, 0o644)
}

func get(ctx context.Context, url string) (io.ReadCloser, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		response.Body.Close()
		return nil, fmt.Errorf("%s: %s", url, response.Status)
	}
	return response.Body, nil
}
