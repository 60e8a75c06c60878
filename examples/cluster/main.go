// Command cluster runs three nodes as processes on loopback, with clients, and a page on which nodes can
// be killed, rolled, frozen and started again: what the clients saw is counted. Node A is a gateway and a
// worker, B a gateway, C a worker. make cluster runs it.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8095", "of the page")
	clients := flag.Int("clients", 40, "how many")
	flag.Parse()
	if spec := os.Getenv(nodeEnv); spec != "" {
		if err := runNode(spec); err != nil {
			log.Fatal(err)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	c, err := newCluster(os.Args[0])
	if err != nil {
		log.Fatal(err)
	}
	defer c.stop()
	go c.crowd(ctx, *clients)
	page := &http.Server{Addr: *addr, Handler: c.page()}
	context.AfterFunc(ctx, func() { page.Close() })
	fmt.Printf("three nodes and %d clients: http://%s\n", *clients, *addr)
	if err := page.ListenAndServe(); err != http.ErrServerClosed {
		log.Print(err)
	}
}
