package actors_test

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets"
	"github.com/stretchr/testify/assert"
)

// Messages of 64 KiB keep the read buffers that they came in. Whatever a handler does with them, no client
// sees another's bytes, and nothing that was kept changes.
func TestMessagesThatKeepReadBuffers(t *testing.T) {
	const clients, size = 8, 64 << 10
	messages := byte(30)
	if testing.Short() {
		messages = 12
	}
	for name, s := range map[string]stack{"poller": {}, "poller,TLS": {tls: true}, "portable": {portable: true}, "portable,TLS": {portable: true, tls: true}} {
		t.Run(name, func(t *testing.T) {
			s.T = t
			s.system = actor.NewActorSystem(actor.WithLoggerFactory(sockets.Quiet))
			var mu sync.Mutex
			var kept []*frame.Frame
			s.also = func(ctx actor.Context) {
				f, ok := ctx.Message().(*frame.Frame)
				if !ok {
					return
				}
				switch f.Payload[1] % 3 {
				case 0:
					mu.Lock()
					kept = append(kept, f)
					mu.Unlock()
					ctx.Respond(f)
				case 1:
					ctx.Respond(f.Handover())
				default:
					ctx.Respond(frame.Binary(bytes.Clone(f.Payload)))
					f.Release()
				}
			}
			stop := s.serve()
			defer stop()
			of := func(client, message byte) []byte {
				return bytes.Repeat([]byte{client, message}, size/2)
			}
			var all sync.WaitGroup
			for client := range byte(clients) {
				p := s.open("/also")
				all.Go(func() {
					answer := make([]byte, 10+size)
					for n := range messages {
						p.write(masked(frame.Binary(of(client, n))))
						if _, err := io.ReadFull(p.in, answer); !assert.NoError(t, err) {
							return
						}
						assert.True(t, bytes.Equal(of(client, n), answer[10:]), "client %d, message %d", client, n)
					}
				})
			}
			all.Wait()
			mu.Lock()
			defer mu.Unlock()
			assert.Len(t, kept, clients*int(messages)/3)
			for _, f := range kept {
				assert.True(t, bytes.Equal(of(f.Payload[0], f.Payload[1]), f.Payload), fmt.Sprint(f.Payload[:2]))
			}
		})
	}
}
