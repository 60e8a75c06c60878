package main

import (
	"context"
	"net/http/httptest"
	"strings"
)

func Example() {
	server := httptest.NewServer(mux())
	defer server.Close()
	if err := connect(context.Background(), "ws"+strings.TrimPrefix(server.URL, "http")+"/greet/en"); err != nil {
		panic(err)
	}
	// Output: hello Ann
}
