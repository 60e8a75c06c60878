//go:build !race

package testcert

import "crypto/tls"

var curves []tls.CurveID // what crypto/tls chooses
