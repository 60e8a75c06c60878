// Command api is a JSON server whose callers have to say who they are, before the upgrade.
package main

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets"
)

func main() {
	token := os.Getenv("API_TOKEN")
	if token == "" {
		fmt.Fprintln(os.Stderr, "api: set API_TOKEN to what callers must send as Authorization: Bearer TOKEN")
		os.Exit(2)
	}
	server := &sockets.Server{Server: http.Server{Addr: "localhost:8080", Handler: mux(map[string]string{"ann": token})}}
	fmt.Println("serving ws://localhost:8080/sums")
	log.Fatal(server.ListenAndServe())
}

// start README auth
type userKey struct{}

// authorized lets nobody pass without a token: the answer to a stranger is a plain 401, and no WebSocket.
func authorized(tokens map[string]string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for user, token := range tokens {
			if subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), []byte("Bearer "+token)) == 1 {
				next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), userKey{}, user)))
				return
			}
		}
		http.Error(w, "who are you?", http.StatusUnauthorized)
	})
}

// end README auth

type request struct{ Add []int }

type response struct {
	Sum   int    `json:",omitempty"`
	For   string `json:",omitempty"`
	Error string `json:",omitempty"`
}

// sums answers each request. A request that is no JSON is told so; the connection goes on.
func sums(ctx context.Context, c *sockets.Conn) error {
	user, _ := ctx.Value(userKey{}).(string) // the values of the request's context are in the connection's
	for {
		var q request
		err := c.ReceiveJSON(ctx, &q)
		if end := (*sockets.CloseError)(nil); errors.As(err, &end) {
			return err
		}
		a := response{For: user}
		for _, n := range q.Add {
			a.Sum += n
		}
		if err != nil {
			a = response{Error: "send {\"Add\":[1,2,3]}"}
		}
		if len(q.Add) > 100 {
			return frame.Failure(frame.PolicyViolation, "100 numbers at most") // closes with 1008
		}
		if err := c.SendJSON(ctx, a); err != nil {
			return err
		}
	}
}

func mux(tokens map[string]string) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /sums", authorized(tokens, sockets.Session(sums)))
	return mux
}
