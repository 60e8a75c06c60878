package frame

// Decoder turns bytes into frames, RFC 6455 5.2, and refuses what may not stand
// where it stands. It allocates nothing but 144 bytes once for headers and control
// frames that arrive in pieces, so its memory never follows a declared length.
//
// A data frame is passed on as its bytes arrive: what the network chopped looks
// like fragments. Its first piece carries the opcode and RSV bits, the others
// OpContinuation; only the last piece of a final frame has Fin. A control frame
// comes whole.
//
// The zero Decoder reads what a client sends, without limits or extensions.
type Decoder struct {
	MaxFrame     int64 // the longest frame accepted; 0: any
	MaxFragments int   // the most frames in one message, empty ones too; 0: any
	FromServer   bool  // frames come from a server: masked ones are refused, not unmasked ones
	RSV          byte  // bits that an extension claimed for the first frame of a data message

	started   bool // a piece of the current frame was passed on
	message   bool // inside a fragmented message
	fragments int32
	cur       Header
	left      int64    // payload bytes of the current frame that are still to come; -1 after an error
	chopped   *chopped // nil: nothing has come in pieces that is passed on whole
}

// chopped is where pieces are put together.
type chopped struct {
	head    [MaxHeader]byte
	got     uint8 // bytes of head that are there
	control [maxControl]byte
}

func (d *Decoder) putTogether() *chopped {
	if d.chopped == nil {
		d.chopped = new(chopped)
	}
	return d.chopped
}

// maxControl is the longest payload of a control frame, RFC 6455 5.5.
const maxControl = 125

// Next decodes one piece from the front of p and unmasks it there. It returns
// how many bytes of p it used; f.Payload lies in p, except that of a chopped
// control frame, which is valid until the next call. ok is false when p held no
// whole piece: then all of it was used. After an error the decoder is spent.
//
// A data frame's header that has arrived without its payload is passed on as an
// empty piece, so that limits can judge it at once.
func (d *Decoder) Next(p []byte, f *Frame) (n int, ok bool, err *Error) {
	if d.left == 0 && !d.started {
		if n, ok, err = d.header(p); !ok {
			if err != nil {
				d.left = -1
			}
			return n, false, err
		}
		p = p[n:]
	}
	take := p[:min(int64(len(p)), d.left)]
	if d.cur.Opcode.Control() {
		return d.controlFrame(n, take, f)
	}
	if len(take) == 0 && d.started {
		return n, false, nil
	}
	f.ascii = d.unmask(take)
	d.left -= int64(len(take))
	f.Header, f.Payload = d.cur, take
	f.Fin = d.cur.Fin && d.left == 0
	d.cur.Opcode, d.cur.RSV = OpContinuation, 0
	d.started = d.left > 0
	return n + len(take), true, nil
}

// Spent reports whether Next has returned an error: it must not be called again.
func (d *Decoder) Spent() bool { return d.left < 0 }

// Rest is how many payload bytes of a data frame are still to come, once a piece
// of it was passed on; 0 elsewhere.
func (d *Decoder) Rest() int64 {
	if d.cur.Opcode.Control() || !d.started {
		return 0
	}
	return d.left
}

// InFrame reports whether the peer owes the rest of a frame.
func (d *Decoder) InFrame() bool {
	return d.left > 0 || d.chopped != nil && d.chopped.got > 0 || d.started
}

// InMessage reports whether the peer owes the rest of a frame or a message.
func (d *Decoder) InMessage() bool { return d.InFrame() || d.message }

// controlFrame collects the payload of a control frame, at most 125 bytes.
func (d *Decoder) controlFrame(n int, take []byte, f *Frame) (int, bool, *Error) {
	d.unmask(take)
	f.ascii = false // f may have been a data frame before
	before := d.cur.Length - d.left
	d.left -= int64(len(take))
	n += len(take)
	if whole := !d.started && d.left == 0; !whole {
		c := d.putTogether()
		copy(c.control[before:], take)
		if d.started = d.left > 0; d.started {
			return n, false, nil
		}
		take = c.control[:d.cur.Length]
	}
	f.Header, f.Payload = d.cur, take
	return n, true, nil
}

func (d *Decoder) unmask(p []byte) (ascii bool) {
	if d.cur.Masked {
		_, ascii = mask(p, d.cur.Key, int(d.cur.Length-d.left)&3)
	}
	return ascii
}
