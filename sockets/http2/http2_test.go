package http2_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/internal/harness"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/spindrift-go/spindrift/sockets"
	"github.com/spindrift-go/spindrift/sockets/http2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMentions(t *testing.T) {
	for debug, want := range map[string]bool{
		"":                             false,
		"madvdontneed=1":               false,
		"xhttp2xconnect=1":             false,
		"http2xconnect":                false,
		"http2xconnect=0":              true,
		"http2xconnect=1":              true,
		"http2debug=1,http2xconnect=0": true,
	} {
		assert.Equal(t, want, http2.Mentions(debug), debug)
	}
}

// The import is enough, and what whoever starts the program says stands.
func TestOffered(t *testing.T) {
	if os.Getenv("SPINDRIFT_TEST_OFFERED") == "" {
		for debug, want := range map[string]string{"": "yes", "http2debug=0": "yes", "http2xconnect=0": "no", "http2xconnect=1": "yes"} {
			again := exec.Command(os.Args[0], "-test.run=^TestOffered$")
			again.Env = append(os.Environ(), "GODEBUG="+debug, "SPINDRIFT_TEST_OFFERED="+want)
			out, err := again.CombinedOutput()
			assert.NoError(t, err, "GODEBUG=%s: %s", debug, out)
		}
	}
	everywhere(t, func(t *testing.T, secure bool) {
		c := serve(t, &sockets.Server{}, secure)
		assert.Equal(t, os.Getenv("SPINDRIFT_TEST_OFFERED") != "no", c.Extended())
	})
}

// The same code serves both versions of HTTP, whichever way it upgrades.
func TestUpgrades(t *testing.T) {
	options := &sockets.Options{Subprotocols: []string{"chat"}, Compression: &pipeline.Compression{Threshold: -1}}
	ended := make(closed, 10)
	session := func(ctx context.Context, c *sockets.Conn) error {
		for {
			m, err := c.Receive(ctx)
			if err == nil {
				err = c.Send(ctx, m)
			}
			if err != nil {
				ended <- &sockets.Closed{Code: sockets.CloseCode(err)}
				return err
			}
		}
	}
	seen := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			assert.Equal(t, "GET HTTP/2.0 7", r.Method+" "+r.Proto+" "+r.PathValue("id"))
			assert.True(t, sockets.IsUpgrade(r))
			w.Header().Set("X-Seen", "yes")
			w.Header().Set("Connection", "close")
			next.ServeHTTP(w, r)
			w.WriteHeader(http.StatusTeapot) // too late, as it is over HTTP/1.1
		})
	}
	mux := func(h http.Handler) *sockets.Server {
		m := http.NewServeMux()
		m.Handle("GET /room/{id}", seen(h))
		return &sockets.Server{Server: http.Server{Handler: m}}
	}
	roads := map[string]func(t *testing.T) *sockets.Server{
		"Handler": func(*testing.T) *sockets.Server {
			return mux(&sockets.Handler{Spawn: ended.echo(), Options: options})
		},
		"Upgrade": func(*testing.T) *sockets.Server {
			return mux(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				assert.NoError(t, sockets.Upgrade(nil, w, r, &sockets.UpgradeServer{Spawn: ended.echo(), Options: options}))
			}))
		},
		"Session": func(*testing.T) *sockets.Server {
			return mux(&sockets.SessionHandler{Serve: session, Options: options})
		},
		"Accept": func(*testing.T) *sockets.Server {
			return mux(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if c, err := sockets.Accept(w, r, options); assert.NoError(t, err) {
					session(r.Context(), c)
					c.Close(frame.Normal, "")
				}
			}))
		},
		"Accept that leaves": func(*testing.T) *sockets.Server {
			return mux(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if c, err := sockets.Accept(w, r, options); assert.NoError(t, err) {
					go session(context.Background(), c)
				}
			}))
		},
		"actor mode": func(t *testing.T) *sockets.Server {
			listener := harness.System().Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
				if r, ok := ctx.Message().(*http.Request); ok {
					assert.Equal(t, "GET", r.Method)
					ctx.Respond(&sockets.UpgradeServer{Spawn: ended.echo(), Options: options, Header: http.Header{"X-Seen": {"yes"}}})
				}
			}))
			t.Cleanup(func() { harness.System().Root.PoisonFuture(listener).Wait() })
			return &sockets.Server{Listener: listener}
		},
	}
	for name, road := range roads {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, secure bool) {
				harness.System()
				c := serve(t, road(t), secure)
				s, err := c.Connect("/room/7", "sec-websocket-protocol", "chat", "sec-websocket-extensions", "permessage-deflate",
					"sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
				require.NoError(t, err)
				status, header, err := s.Answer()
				require.NoError(t, err)
				require.Equal(t, "200", status)
				assert.Equal(t, "chat", header.Get("Sec-WebSocket-Protocol"))
				assert.Contains(t, header.Get("Sec-WebSocket-Extensions"), "permessage-deflate")
				assert.Equal(t, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", header.Get("Sec-WebSocket-Accept"))
				assert.Equal(t, "yes", header.Get("X-Seen"))
				assert.Empty(t, header.Get("Upgrade")+header.Get("Connection"))
				p := &peer{TB: t, Stream: s, decoder: frame.Decoder{FromServer: true, RSV: frame.RSV1}}
				p.send(frame.Text("hello"))
				f := p.next()
				assert.NotZero(t, f.RSV, "it is deflated")
				second := open(t, c, "/room/7")
				second.echoes("beside it")
				second.send(frame.Close(frame.Normal, ""))
				second.closes(frame.Normal)
				ended.expect(t, frame.Normal)
				p.send(frame.Close(frame.GoingAway, ""))
				p.closes(frame.GoingAway)
				ended.expect(t, frame.GoingAway)
				_, away := c.GoAway()
				assert.False(t, away, "the connection goes on")
			})
		})
	}
}

// What is no upgrade is refused, and costs the connection nothing.
func TestRefusals(t *testing.T) {
	mux := http.NewServeMux()
	ended := make(closed, 10)
	mux.Handle("/ws", &sockets.Handler{Spawn: ended.echo(), Options: &sockets.Options{}})
	mux.HandleFunc("/page", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "4")
		_, err := w.Write([]byte("page"))
		assert.Equal(t, r.Method == "GET" && r.Header[":protocol"] != nil, err != nil)
		http.NewResponseController(w).Flush()
	})
	mux.HandleFunc("/begun", func(w http.ResponseWriter, r *http.Request) {
		w.Write([]byte("an answer"))
		_, err := sockets.Accept(w, r, nil)
		assert.ErrorContains(t, err, "request was answered already")
	})
	mux.HandleFunc("/silent", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/flush", func(w http.ResponseWriter, r *http.Request) { w.(http.Flusher).Flush() })
	mux.HandleFunc("/no", func(w http.ResponseWriter, r *http.Request) { http.Error(w, "no", http.StatusUnauthorized) })
	everywhere(t, func(t *testing.T, secure bool) {
		c := serve(t, &sockets.Server{Server: http.Server{Handler: mux}}, secure)
		for _, tt := range []struct {
			name, want string
			end        bool
			fields     []string
		}{
			{"a GET", "400", true, []string{":method", "GET", ":scheme", "http", ":authority", "a.test", ":path", "/ws"}},
			{"a GET with a protocol", "400", true, []string{":method", "GET", ":protocol", "websocket", ":scheme", "http", ":authority", "a.test", ":path", "/ws"}},
			{"a plain CONNECT", "404", false, []string{":method", "CONNECT", ":authority", "a.test:443"}},
			{"a page by GET", "200", true, []string{":method", "GET", ":scheme", "http", ":authority", "a.test", ":path", "/page"}},
			{"another protocol", "501", false, connect("/ws", ":protocol", "connect-udp")},
			{"an ended stream", "400", true, connect("/ws")},
			{"a length", "400", false, connect("/ws", "content-length", "5")},
			{"no version", "400", false, connect("/ws", "sec-websocket-version", "")},
			{"another version", "400", false, connect("/ws", "sec-websocket-version", "8")},
			{"another origin", "403", false, connect("/ws", "origin", "http://evil.test")},
			{"a page", "501", false, connect("/page")},
			{"a page, then Accept", "501", false, connect("/begun")},
			{"a silent page", "501", false, connect("/silent")},
			{"a page that flushes", "501", false, connect("/flush")},
			{"no page", "404", false, connect("/nothing")},
			{"a refusal of the program's", "401", false, connect("/no")},
		} {
			s, err := c.Request(tt.end, tt.fields...)
			require.NoError(t, err)
			status, header, err := s.Answer()
			require.NoError(t, err, tt.name)
			assert.Equal(t, tt.want, status, tt.name)
			assert.Empty(t, header.Get("Upgrade")+header.Get("Connection"), tt.name)
		}
		p := open(t, c, "/ws")
		p.echoes("still here")
		p.send(frame.Close(frame.Normal, ""))
		p.closes(frame.Normal)
		ended.expect(t, frame.Normal)
		_, away := c.GoAway()
		assert.False(t, away)
	})
}

// connect is a handshake with other fields; "" leaves one out.
func connect(path string, other ...string) (fields []string) {
	all := []string{":method", "CONNECT", ":protocol", "websocket", ":scheme", "http", ":authority", "a.test", ":path", path, "sec-websocket-version", "13"}
	for i := 0; i < len(all); i += 2 {
		for j := 0; j < len(other); j += 2 {
			if other[j] == all[i] {
				all[i+1] = other[j+1]
			}
		}
		if all[i+1] != "" {
			fields = append(fields, all[i], all[i+1])
		}
	}
	for j := 0; j < len(other); j += 2 {
		if other[j][0] != ':' && other[j] != "sec-websocket-version" {
			fields = append(fields, other[j], other[j+1])
		}
	}
	return fields
}

// Under another server a Handler, a Session and Upgrade serve by themselves, and Accept does where
// ExtendedConnect is around it. What hijacks can only refuse.
func TestOtherServers(t *testing.T) {
	ended := make(closed, 10)
	session := func(ctx context.Context, c *sockets.Conn) error {
		m, err := c.Receive(ctx)
		if err == nil {
			err = c.Send(ctx, m)
		}
		if err == nil {
			_, err = c.Receive(ctx)
		}
		ended <- &sockets.Closed{Code: sockets.CloseCode(err)}
		return err
	}
	accept := func(w http.ResponseWriter, r *http.Request) {
		if c, err := sockets.Accept(w, r, nil); err == nil {
			go session(context.Background(), c)
		}
	}
	mux := http.NewServeMux()
	mux.Handle("/handler", &sockets.Handler{System: harness.System(), Spawn: ended.echo()})
	mux.Handle("/session", sockets.Session(session))
	mux.HandleFunc("/accept", accept)
	mux.HandleFunc("/hijack", func(w http.ResponseWriter, r *http.Request) { // as other libraries do
		_, _, err := http.NewResponseController(w).Hijack()
		assert.Error(t, err)
		w.WriteHeader(http.StatusInternalServerError)
	})
	mux.Handle("/wrapped", sockets.ExtendedConnect(http.HandlerFunc(accept)))
	sockets.DefaultSystem() // which stays
	everywhere(t, func(t *testing.T, secure bool) {
		c := serve(t, &http.Server{Handler: mux}, secure)
		for _, path := range []string{"/handler", "/session", "/wrapped"} {
			p := open(t, c, path)
			p.echoes("hello")
			p.send(frame.Close(frame.Normal, ""))
			p.closes(frame.Normal)
			ended.expect(t, frame.Normal)
		}
		for path, want := range map[string]string{"/accept": "501", "/hijack": "500"} {
			s, err := c.Connect(path)
			require.NoError(t, err)
			status, _, err := s.Answer()
			require.NoError(t, err)
			assert.Equal(t, want, status)
		}
	})
}

// A Proxy carries a stream to a backend that speaks HTTP/1.1.
func TestProxy(t *testing.T) {
	everywhere(t, func(t *testing.T, secure bool) {
		ended := make(closed, 2)
		warm(t)
		backend := httptest.NewServer(&sockets.Handler{System: harness.System(), Spawn: ended.echo(), Options: &sockets.Options{Subprotocols: []string{"chat"}}})
		defer backend.Close()
		to, err := url.Parse(backend.URL)
		require.NoError(t, err)
		c := serve(t, &sockets.Server{Server: http.Server{Handler: sockets.NewProxy(to)}}, secure)
		p := open(t, c, "/", "sec-websocket-protocol", "chat")
		_, header, err := p.Answer()
		require.NoError(t, err)
		assert.Equal(t, "chat", header.Get("Sec-WebSocket-Protocol"))
		p.echoes("hello")
		p.send(frame.Close(frame.Normal, ""))
		p.closes(frame.Normal)
		ended.expect(t, frame.Normal)
	})
}
