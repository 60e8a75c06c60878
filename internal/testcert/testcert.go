// Package testcert has the TLS configurations of tests: a self-signed certificate for localhost, and who trusts it.
package testcert

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"sync"
	"time"
)

// Certificate is made once for all tests of a program.
var Certificate = sync.OnceValue(func() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotAfter:     time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC), // the time in a bubble is another
		DNSNames:     []string{"localhost"},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
})

// Server is the configuration of a server that has the certificate.
func Server() *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{Certificate()}, CurvePreferences: curves}
}

// Client is the configuration of a client that trusts it.
func Client() *tls.Config {
	roots := x509.NewCertPool()
	roots.AddCert(Certificate().Leaf)
	return &tls.Config{RootCAs: roots, ServerName: "localhost", CurvePreferences: curves}
}
