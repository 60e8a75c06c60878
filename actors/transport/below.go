package transport

import (
	"crypto/tls"
	"net"
	"reflect"
	"unsafe"
)

// pollableBelow is the PollableConn that c runs over. If that is a plain TCP connection, it puts one in between: crypto/tls has no way to
// change what a Conn reads and writes, and a server that handed it a type of ours from the start would show it to the program, in
// ConnContext for instance. It returns nil if c runs over anything else. Nobody else may use c meanwhile.
//
// The field is found by name and type, and NetConn must confirm it: a crypto/tls that is made differently gets a portable transport.
func pollableBelow(c *tls.Conn) *PollableConn {
	switch nc := c.NetConn().(type) {
	case *PollableConn:
		return nc
	case *net.TCPConn:
		field := reflect.ValueOf(c).Elem().FieldByName("conn")
		if !field.IsValid() || field.Type() != reflect.TypeFor[net.Conn]() {
			return nil
		}
		p := &PollableConn{TCPConn: nc}
		*(*net.Conn)(unsafe.Pointer(field.UnsafeAddr())) = p
		if c.NetConn() == net.Conn(p) {
			return p
		}
	}
	return nil
}
