package transport

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/spindrift-go/spindrift/actors/dispatch"
	"github.com/spindrift-go/spindrift/internal/testcert"
	"github.com/stretchr/testify/require"
)

// rekeyer is a TLS 1.3 client after its handshake that writes records of its own: crypto/tls never asks for new keys.
type rekeyer struct {
	*testing.T
	secret []byte
	aead   cipher.AEAD
	iv     []byte
	seq    uint64
}

func newRekeyer(t *testing.T, secret []byte) *rekeyer {
	r := &rekeyer{T: t, secret: secret}
	r.keys()
	return r
}

// expand is HKDF-Expand-Label: RFC 8446 7.1.
func (r *rekeyer) expand(label string, n int) []byte {
	label = "tls13 " + label
	info := binary.BigEndian.AppendUint16(nil, uint16(n))
	info = append(append(info, byte(len(label))), label...)
	out, err := hkdf.Expand(sha256.New, r.secret, string(append(info, 0)), n)
	require.NoError(r, err)
	return out
}

func (r *rekeyer) keys() {
	block, err := aes.NewCipher(r.expand("key", 16))
	require.NoError(r, err)
	r.aead, err = cipher.NewGCM(block)
	require.NoError(r, err)
	r.iv, r.seq = r.expand("iv", 12), 0
}

// record appends one record: RFC 8446 5.2.
func (r *rekeyer) record(b []byte, kind byte, content []byte) []byte {
	nonce := bytes.Clone(r.iv)
	for i, x := range binary.BigEndian.AppendUint64(nil, r.seq) {
		nonce[4+i] ^= x
	}
	r.seq++
	inner := append(bytes.Clone(content), kind)
	head := binary.BigEndian.AppendUint16([]byte{23, 3, 3}, uint16(len(inner)+16))
	return append(b, r.aead.Seal(head, nonce, inner, head)...)
}

// update appends a KeyUpdate that asks for one in return.
func (r *rekeyer) update(b []byte) []byte {
	b = r.record(b, 22, []byte{24, 0, 0, 1, 1})
	r.secret = r.expand("traffic upd", 32)
	r.keys()
	return b
}

// A client that asks for new keys over and over, and reads nothing, is answered as long as little waits. Then it is not read, until
// it reads.
func TestAnswersOfTLSAreBounded(t *testing.T) {
	a, b := tcp(t)
	require.NoError(t, a.SetWriteBuffer(4<<10))
	require.NoError(t, b.SetReadBuffer(32<<10)) // with less the kernel drops segments, and the acknowledgements that they carry
	var log bytes.Buffer
	config := testcert.Client()
	config.KeyLogWriter = &log
	config.MinVersion = tls.VersionTLS13
	near, far := tls.Server(&PollableConn{TCPConn: a}, testcert.Server()), tls.Client(b, config)
	shaken := make(chan error, 1)
	go func() { shaken <- near.Handshake() }()
	require.NoError(t, far.Handshake())
	require.NoError(t, <-shaken)
	if far.ConnectionState().CipherSuite != tls.TLS_AES_128_GCM_SHA256 {
		t.Skip("the client prefers another cipher suite on this machine")
	}
	var secret []byte
	for line := range strings.Lines(log.String()) {
		if f := strings.Fields(line); f[0] == "CLIENT_TRAFFIC_SECRET_0" {
			secret, _ = hex.DecodeString(f[2])
		}
	}
	client := newRekeyer(t, secret)

	const each = 10 // crypto/tls has a limit for those in a row
	rounds := 3000
	if testing.Short() {
		rounds = 1000 // it pauses after some 300
	}
	r := &reading{size: 1 << 10, end: make(chan error, 1)}
	d := dispatch.New()
	m := d.Mailbox().(*dispatch.Mailbox)
	m.RegisterHandlers(invoker{hooks: r}, nil)
	r.mailbox = m
	r.transport = NewPoller(d).Open(near, m, false)
	m.Start()
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		for range rounds {
			var p []byte
			for range each {
				p = client.update(p)
			}
			if _, err := b.Write(client.record(p, 23, []byte("x"))); err != nil {
				return
			}
		}
	}()
	read := func() (n, waiting int) {
		look(m, r, func() { n, waiting = len(r.got), r.transport.Buffered() })
		return n, waiting
	}
	paused := func() (is bool) {
		look(m, r, func() { is = r.transport.(*tlsTransport).paused })
		return is
	}
	eventually(t, paused, "answers wait")
	last := time.Now()
	for before := -1; time.Since(last) < 200*time.Millisecond; time.Sleep(10 * time.Millisecond) {
		n, waiting := read()
		require.Less(t, waiting, 2*maxAnswers)
		if n != before {
			before, last = n, time.Now()
		}
	}
	n, _ := read()
	require.Less(t, n, rounds, "all of it was read")
	require.Empty(t, r.end)

	go func() { // it reads after all
		buf := make([]byte, 64<<10)
		for err := error(nil); err == nil; {
			_, err = b.Read(buf)
		}
	}()
	eventually(t, func() bool {
		look(m, r, func() { r.transport.Write(nil) }) // as at the signal Writable
		n, waiting := read()
		return n == rounds && waiting == 0
	}, "all was read")
	<-sent
	look(m, r, func() { r.transport.Close() })
}
