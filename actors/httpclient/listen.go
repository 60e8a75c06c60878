package httpclient

import (
	"cmp"
	"io"
	"net/http"
)

// Listen reads one answer after the other until the socket speaks HTTP no longer. It is the life of a goroutine.
func (r *Requester) Listen() {
	for more := true; more; {
		_, err := r.Client.reader.Peek(1)
		c, report := r.takeExpected()
		if c == nil {
			if report {
				r.Report(&Unasked{cmp.Or(unexpected(err), errUnasked)})
			}
			return
		}
		if err != nil {
			c.err = unexpected(err)
		} else {
			c.response, c.err = r.readAnswer(c)
		}
		if more = c.err == nil && !c.response.Close; !more {
			r.Silence()
		}
		close(c.read)
	}
}

func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// readAnswer reads the answer to c. Its Close says that no other may follow.
func (r *Requester) readAnswer(c *Call) (*http.Response, error) {
	answer, err := r.Client.answer(c.sent)
	if err != nil {
		return nil, err
	}
	answer.TLS = r.Client.tlsTo(r.Base)
	switched := answer.StatusCode == http.StatusSwitchingProtocols
	switch {
	case switched:
	case c.Upgrade == nil:
		if err := r.Client.keepBody(answer, r.MaxBody); err != nil {
			return nil, err
		}
	default:
		r.Client.keepRefusal(answer, r.MaxBody)
	}
	answer.Close = answer.Close || switched || r.Client.reader.Buffered() > 0
	if !answer.Close || switched {
		answer.Close = !closesSoon(c.written) || answer.Close
	}
	if answer.Close && !switched {
		Cut(r.Client.conn) // who still writes the request has the answer
	}
	return answer, nil
}
