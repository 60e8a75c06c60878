package actors

// What the tests of package actors_test are given, which stand on top of sockets.
var ServerTLS, ClientTLS = serverTLS, clientTLS

// Lent is what was taken from pools and not given back.
func (rt *Runtime) Lent() (c census) {
	c.chunks, c.buffers, c.scratches = int(lent.chunks.Load()), int(lent.buffers.Load()), int(lent.scratches.Load())
	c.segments = int(lent.segments.Load()) - rt.crew.segments()
	return c
}

func (c census) More(than census) bool { return c.more(than) }
