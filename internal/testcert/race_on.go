//go:build race

package testcert

import "crypto/tls"

// curves: what crypto/tls would choose is Go code, which makes a handshake with the race detector four times as long as
// assembly does. The tests of sockets/http2 are with what it would choose, and all tests are without the detector.
var curves = []tls.CurveID{tls.CurveP256}
