package serve

import (
	"io"
	"net/http"
)

// PlainMux answers /plain.
func PlainMux() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("/plain", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		io.WriteString(w, Hello)
	})
	return mux
}

// Hello is the response on /plain.
const Hello = "hello"

// WebMux is PlainMux with an upgrade on / and one on /broadcast.
func WebMux(upgrade func(w http.ResponseWriter, r *http.Request, broadcast bool)) *http.ServeMux {
	mux := PlainMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { upgrade(w, r, false) })
	mux.HandleFunc("/broadcast", func(w http.ResponseWriter, r *http.Request) { upgrade(w, r, true) })
	return mux
}
