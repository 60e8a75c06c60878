package transport

// The reader's buffer is what an idle connection holds. It is small where the actor can
// read what does not fit.
const (
	idleBuffer     = 1 << 10
	readBufferSize = 8 << 10
)

func (p *portable) reader() {
	size := readBufferSize
	if p.raw != nil {
		size = idleBuffer
	}
	buf := make([]byte, size)
	for p.begin() {
		n, err := p.nc.Read(buf)
		p.mu.Lock()
		p.in, p.readErr, p.reading = buf[:n], err, false
		p.more = n == len(buf) && p.raw != nil
		p.mu.Unlock()
		p.mailbox.Signal(Readable)
	}
}

// begin waits until the reader is to read. It returns false if there will be nothing more.
func (p *portable) begin() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for !p.readOn && !p.closed && p.readErr == nil {
		p.mayRead.Wait()
	}
	p.readOn, p.reading = false, p.readErr == nil
	return p.reading
}

// HasUnread: with thousands of other readers, or on a busy machine, it takes the reader a
// while to get to what has arrived.
func (p *portable) HasUnread() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.readErr == nil && (!p.reading || arrived(p.nc))
}

func (p *portable) Read(buf []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := copy(buf, p.in)
	if p.in = p.in[n:]; len(p.in) > 0 {
		return n, nil
	}
	p.freeBorrowed()
	if p.more && n < len(buf) && p.readErr == nil { // the reader waits
		k, err := readNow(p.raw, buf[n:])
		n += k
		p.more = n == len(buf)
		if err != ErrAgain {
			p.readErr = err
		}
	}
	switch {
	case p.readErr == nil && p.more:
		return n, nil
	case p.readErr == nil:
		p.readOn = p.readOn || !p.reading
		p.mayRead.Signal()
		return n, ErrAgain
	case n > 0: // the error comes by itself: the connection may not read on now
		return n, nil
	}
	p.mayRead.Signal()
	return 0, p.readErr
}
