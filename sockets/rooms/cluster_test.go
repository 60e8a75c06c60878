package rooms

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// mutual is what nodes show each other.
func mutual(t *testing.T) *tls.Config {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(time.Now().UnixNano()),
		NotAfter:              time.Now().Add(time.Hour),
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	leaf, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}},
		RootCAs: pool, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert}
}

// Nodes let in who shows their certificate or knows their secret, and nobody else; the node that
// refuses says so.
func TestClusterPort(t *testing.T) {
	ours := mutual(t)
	noCertificate := ours.Clone()
	noCertificate.Certificates = nil
	for name, test := range map[string]struct {
		first, second Config
		refusal       string // what the first says; "": they meet
	}{
		"the same certificate": {Config{TLS: ours}, Config{TLS: ours}, ""},
		"the same secret":      {Config{Secret: "sesame"}, Config{Secret: "sesame"}, ""},
		"no certificate":       {Config{TLS: ours}, Config{TLS: noCertificate}, "certificate"},
		"another's":            {Config{TLS: ours}, Config{TLS: mutual(t)}, "certificate"},
		"in clear":             {Config{TLS: ours}, Config{}, "TLS"},
		"another secret":       {Config{Secret: "sesame"}, Config{Secret: "guess"}, "authentication error"},
		"no secret":            {Config{Secret: "sesame"}, Config{}, "authentication error"},
		"the same name":        {Config{Name: "twin"}, Config{Name: "twin"}, "duplicate name"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first := open(t, test.first)
			test.second.Routes = []string{first.Addr().String()}
			second := open(t, test.second)
			if test.refusal == "" {
				eventually(t, func() bool { return first.server.NumRoutes() > 0 && second.server.NumRoutes() > 0 })
				meet(t, dial(t, first.url, "a"), dial(t, second.url, "b"))
				return
			}
			require.Never(t, func() bool { return first.server.NumRoutes() > 0 }, time.Second, 20*time.Millisecond)
			require.ErrorContains(t, <-first.told, test.refusal)
		})
	}
}
