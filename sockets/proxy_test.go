package sockets

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// middleman is a proxy of the test's. Every name leads to target.
type middleman struct {
	*world
	scheme   string
	user     *url.Userinfo // who may; nil: all
	target   string
	behind   string // sent in the same write as the answer
	answered string // in place of a tunnel
	asked    chan string
	addr     string
}

func (m *middleman) start() *url.URL {
	l := m.listen()
	m.asked = make(chan string, 10)
	m.addr = l.Addr().String()
	if m.scheme == "https" {
		l = tls.NewListener(l, serverTLS())
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer nc.Close()
				nc.SetDeadline(time.Now().Add(testTimeout))
				if strings.HasPrefix(m.scheme, "socks") {
					m.socks(nc)
				} else {
					m.http(nc)
				}
			})
		}
	})
	m.Cleanup(func() {
		l.Close()
		all.Wait()
	})
	return &url.URL{Scheme: m.scheme, Host: m.addr, User: m.user}
}

func (m *middleman) http(nc net.Conn) {
	in := bufio.NewReader(nc)
	r, err := http.ReadRequest(in)
	if err != nil {
		return
	}
	m.asked <- r.Method + " " + r.Host
	if m.user != nil {
		password, _ := m.user.Password()
		want := "Basic " + base64.StdEncoding.EncodeToString([]byte(m.user.Username()+":"+password))
		if r.Header.Get("Proxy-Authorization") != want {
			io.WriteString(nc, "HTTP/1.1 407 Who are you\r\nProxy-Authenticate: Basic\r\nContent-Length: 4\r\n\r\nwho?")
			return
		}
	}
	if m.answered != "" {
		io.WriteString(nc, m.answered)
		io.Copy(io.Discard, in)
		return
	}
	m.pipe(nc, in, "HTTP/1.1 100 Wait\r\n\r\nHTTP/1.1 200 Go on\r\nContent-Length: 9\r\n\r\n")
}

// pipe answers and carries on what both ends say.
func (m *middleman) pipe(nc net.Conn, in io.Reader, answer string) {
	far, err := net.Dial("tcp", m.target)
	if err != nil {
		return
	}
	defer far.Close()
	io.WriteString(nc, answer+m.behind)
	var both sync.WaitGroup
	type plain struct{ io.Writer } // io.Copy would splice, and keep the pipe
	both.Go(func() { io.Copy(plain{far}, in); far.(*net.TCPConn).CloseWrite() })
	both.Go(func() { io.Copy(plain{nc}, far); nc.(interface{ CloseWrite() error }).CloseWrite() })
	both.Wait()
}

func (m *middleman) socks(nc net.Conn) {
	read := func(n int) []byte { b := make([]byte, n); io.ReadFull(nc, b); return b }
	methods := read(int(read(2)[1]))
	switch {
	case m.answered != "":
		io.WriteString(nc, m.answered)
		io.Copy(io.Discard, nc)
		return
	case m.user == nil:
		nc.Write([]byte{5, 0})
	case !bytes.Contains(methods, []byte{2}):
		nc.Write([]byte{5, 0xff})
		return
	default:
		nc.Write([]byte{5, 2})
		name := read(int(read(2)[1]))
		password := read(int(read(1)[0]))
		want, _ := m.user.Password()
		if string(name) != m.user.Username() || string(password) != want {
			nc.Write([]byte{1, 1})
			return
		}
		nc.Write([]byte{1, 0})
	}
	host := ""
	switch read(4)[3] {
	case 1:
		host = net.IP(read(4)).String()
	case 3:
		host = string(read(int(read(1)[0])))
	case 4:
		host = net.IP(read(16)).String()
	}
	m.asked <- fmt.Sprint("CONNECT ", host, ":", binary.BigEndian.Uint16(read(2)))
	m.pipe(nc, nc, "\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")
}

// Every kind of proxy, in every setting: names are the proxy's to look up.
func TestProxy(t *testing.T) {
	ann := url.UserPassword("ann", "s3:cret")
	for _, kind := range []middleman{
		{scheme: "http"}, {scheme: "http", user: ann}, {scheme: "https"}, {scheme: "https", user: ann},
		{scheme: "socks5"}, {scheme: "socks5", user: ann}, {scheme: "socks5h"},
	} {
		everywhere(t, func(w *world) {
			w.in(fmt.Sprint(kind.scheme, ",user=", kind.user != nil), func(w *world) {
				h := w.handler(echo)
				m := kind
				m.world, m.target = w, w.websocket(&UpgradeServer{FrameHandler: h.pid})
				via := m.start()
				mine := w.handler()
				u := w.client(mine)
				u.Dialer.Proxy = http.ProxyURL(via)
				u.Dialer.TLS.ServerName = "localhost" // of the server, which is not what is dialled
				conn, err := DialActor(w.Context(), w.system, w.url("bücher.example"), u)
				require.NoError(w, err)
				port := map[bool]string{true: "443", false: "80"}[w.tls]
				assert.Equal(w, "CONNECT xn--bcher-kva.example:"+port, <-m.asked)
				mine.upgraded()
				h.upgraded()
				w.system.Root.Send(conn, frame.Text("hello"))
				mine.text("hello")
				h.text("hello")
				if kind.scheme != "https" && !w.portable && runtime.GOOS == "linux" {
					assert.True(w, until(func() bool { // a reader of the test before may be on its way out
						var b bytes.Buffer
						pprof.Lookup("goroutine").WriteTo(&b, 1)
						return !strings.Contains(b.String(), "transport.(*portable")
					}), "the socket is polled")
				}
				w.system.Root.Send(conn, frame.Close(frame.Normal, ""))
				assert.True(w, expect[*Closed](mine).Clean)
				expect[*Closed](h)
			})
		})
	}
}

// Connect goes through a proxy too, and user info of an address is the server's.
func TestProxyOfConnect(t *testing.T) {
	w := newWorld(t, bare)
	m := middleman{world: w, scheme: "http", target: w.dropIn(site())}
	via := m.start()
	conn, err := Connect(t.Context(), w.system, "ws://a.example", &Dialer{Proxy: http.ProxyURL(via)})
	require.NoError(t, err)
	assert.Equal(t, "hello GET HTTP/1.1\n", bodyOf(t, w.ask(conn, w.get("/hello"))))
	w.ended(conn)
}

// A proxy that does not connect is an error that says so.
func TestProxyRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		middleman
		as   *url.Userinfo
		want string
		e    ProxyError
	}{
		"no credentials":    {middleman: middleman{scheme: "http", user: url.UserPassword("ann", "x")}, want: "status 407 Proxy Authentication Required", e: ProxyError{Status: 407, Body: []byte("who?")}},
		"wrong credentials": {middleman: middleman{scheme: "http", user: url.UserPassword("ann", "x")}, as: url.UserPassword("ann", "secret"), want: "xxxxx", e: ProxyError{Status: 407, Body: []byte("who?")}},
		"forbidden":         {middleman: middleman{scheme: "https", answered: "HTTP/1.1 403 No\r\nContent-Length: 3000\r\n\r\n" + strings.Repeat("x", 3000)}, want: "403 Forbidden", e: ProxyError{Status: 403, Body: bytes.Repeat([]byte("x"), 1<<10)}},
		"stalled body":      {middleman: middleman{scheme: "http", answered: "HTTP/1.1 502 No\r\nContent-Length: 3000\r\n\r\nsome"}, want: "502 Bad Gateway", e: ProxyError{Status: 502, Body: []byte("some")}},
		"switching":         {middleman: middleman{scheme: "http", answered: "HTTP/1.1 101 Yes\r\n\r\n"}, want: "status 101"},
		"garbage":           {middleman: middleman{scheme: "http", answered: "SSH-2.0-OpenSSH\n\r\n\r\n"}, want: "malformed HTTP"},
		"endless header":    {middleman: middleman{scheme: "http", answered: "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 20_000)}, want: "too long"},
		"endless 1xx":       {middleman: middleman{scheme: "http", answered: strings.Repeat("HTTP/1.1 100 OK\r\n\r\n", 2_000)}, want: "too long"},
		"socks, no user":    {middleman: middleman{scheme: "socks5", user: url.UserPassword("ann", "x")}, want: "no acceptable authentication methods"},
		"socks, wrong user": {middleman: middleman{scheme: "socks5", user: url.UserPassword("ann", "x")}, as: url.UserPassword("ann", "secret"), want: "authentication failed"},
		"socks, garbage":    {middleman: middleman{scheme: "socks5", answered: "HTTP/1.1 400 Bad\r\n\r\n"}, want: "unexpected protocol version"},
		"socks, to TLS":     {middleman: middleman{scheme: "https", answered: "x"}, want: "deadline exceeded"},
		"silent":            {middleman: middleman{scheme: "http", answered: "HTTP/1.1 "}, want: "deadline exceeded"},
		"silent socks":      {middleman: middleman{scheme: "socks5", answered: "\x05"}, want: "deadline exceeded"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, bare)
			tt.middleman.world = w
			via := tt.middleman.start()
			via.User = tt.as
			if name == "socks, to TLS" {
				via.Scheme = "socks5"
			}
			u := w.client(w.handler())
			u.Dialer.Proxy = http.ProxyURL(via)
			if tt.want == "deadline exceeded" {
				u.Dialer.Timeout = soon
			}
			_, err := DialActor(t.Context(), w.system, "ws://a.example", u)
			require.ErrorContains(t, err, tt.want)
			assert.NotContains(t, err.Error(), "secret")
			assert.NotContains(t, err.Error(), "\n")
			if tt.want == "deadline exceeded" {
				assert.ErrorIs(t, err, context.DeadlineExceeded)
			}
			var e *ProxyError
			require.ErrorAs(t, err, &e)
			assert.Equal(t, tt.e.Status, cmpStatus(e, name))
			assert.Equal(t, string(tt.e.Body), string(e.Body))
			assert.False(t, errors.As(err, new(*HandshakeError)), "the server has said nothing")
		})
	}
}

func cmpStatus(e *ProxyError, name string) int {
	if name == "switching" {
		return 0
	}
	return e.Status
}

// Proxies that cannot be used, and their passwords.
func TestProxyMistakes(t *testing.T) {
	w := newWorld(t, bare)
	for want, choose := range map[string]func(*http.Request) (*url.URL, error){
		`scheme "ftp" is not http, https or socks5`: http.ProxyURL(&url.URL{Scheme: "ftp", Host: "a"}),
		"no host":              http.ProxyURL(&url.URL{Scheme: "http"}),
		"connection refused":   http.ProxyURL(&url.URL{Scheme: "http", Host: nobody, User: url.UserPassword("ann", "secret")}),
		"on purpose":           func(*http.Request) (*url.URL, error) { return nil, errors.New("on purpose") },
		"its address":          func(*http.Request) (*url.URL, error) { return nil, errors.New(`invalid proxy address "ann:secret@:"`) },
		"panic: proxy\\npanic": func(*http.Request) (*url.URL, error) { panic("proxy\npanic") },
	} {
		u := w.client(w.handler())
		u.Dialer.Proxy = choose
		_, err := DialActor(t.Context(), w.system, "ws://a.example", u)
		require.ErrorContains(t, err, want)
		assert.NotContains(t, err.Error(), "secret")
	}
}

// What a proxy sends behind its answer is the tunnel's: of HTTP, an answer that nobody has
// asked for; under TLS, no handshake.
func TestBytesBehindATunnel(t *testing.T) {
	for _, scheme := range []string{"http", "socks5", "https"} {
		everywhere(t, func(w *world) {
			w.in(scheme, func(w *world) {
				m := middleman{world: w, scheme: scheme, target: w.dropIn(site()), behind: okay + "no"}
				d := &Dialer{TLS: clientTLS(), Proxy: http.ProxyURL(m.start())}
				d.TLS.ServerName = "localhost"
				conn, err := Connect(w.Context(), w.system, w.url("a.example"), d)
				if w.tls {
					require.Error(w, err)
					return
				}
				require.NoError(w, err)
				gone(w, conn)
			})
		})
	}
}

// Without a Proxy it is the environment's, which leaves out loopback.
func TestProxyOfTheEnvironment(t *testing.T) {
	asked := make(chan *url.URL, 1)
	d := &Dialer{Proxy: func(r *http.Request) (*url.URL, error) { asked <- r.URL; return nil, nil }}
	base, err := parse("wss://a.example/b?c")
	require.NoError(t, err)
	via, err := d.proxy(t.Context(), base)
	require.NoError(t, err)
	assert.Nil(t, via)
	assert.Equal(t, "https://a.example/b?c", (<-asked).String())

	want, _ := http.ProxyFromEnvironment(&http.Request{URL: base})
	via, err = new(Dialer).proxy(t.Context(), base)
	require.NoError(t, err)
	assert.Equal(t, want, via)
	base.Host = "127.0.0.1:80"
	via, err = new(Dialer).proxy(t.Context(), base)
	require.NoError(t, err)
	assert.Nil(t, via)
}

// Proxies of others, where they are installed.
func TestInstalledProxies(t *testing.T) {
	for name, start := range map[string]func(t *testing.T, port string) (scheme string, command []string){
		"tinyproxy": func(t *testing.T, port string) (string, []string) {
			conf := t.TempDir() + "/conf"
			writeFile(t, conf, "Port "+port+"\nListen 127.0.0.1\nAllow 127.0.0.1\nBasicAuth ann secret\nTimeout 60\n")
			return "http", []string{"-d", "-c", conf}
		},
		"microsocks": func(_ *testing.T, port string) (string, []string) {
			return "socks5", []string{"-i", "127.0.0.1", "-p", port, "-u", "ann", "-P", "secret"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			path, err := exec.LookPath(name)
			if err != nil {
				t.Skip(err)
			}
			for _, s := range []setting{settings[0], settings[1]} {
				w := newWorld(t, s)
				h := w.handler(echo)
				addr := w.websocket(&UpgradeServer{FrameHandler: h.pid})
				l := w.listen()
				proxy := l.Addr().String()
				l.Close()
				_, port, _ := net.SplitHostPort(proxy)
				scheme, args := start(t, port)
				command := exec.Command(path, args...)
				require.NoError(t, command.Start())
				t.Cleanup(func() { command.Process.Kill(); command.Wait() })
				require.True(t, until(func() bool {
					nc, err := net.Dial("tcp", proxy)
					if err == nil {
						nc.Close()
					}
					return err == nil
				}))
				u := w.client(w.handler())
				u.Dialer.Proxy = http.ProxyURL(&url.URL{Scheme: scheme, Host: proxy, User: url.UserPassword("ann", "wrong")})
				_, err := DialActor(t.Context(), w.system, w.url(addr), u)
				require.ErrorAs(t, err, new(*ProxyError))
				mine := w.handler()
				u.FrameHandler = mine.pid
				u.Dialer.Proxy = http.ProxyURL(&url.URL{Scheme: scheme, Host: proxy, User: url.UserPassword("ann", "secret")})
				conn, err := DialActor(t.Context(), w.system, w.url(addr), u)
				require.NoError(t, err)
				mine.upgraded()
				w.system.Root.Send(conn, frame.Text("hello"))
				mine.text("hello")
				w.system.Root.Send(conn, frame.Close(frame.Normal, ""))
				expect[*Closed](mine)
				w.ended(conn)
			}
		})
	}
}

func writeFile(t *testing.T, name, text string) {
	require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
}
