package load

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// ResponseScanner is the Scanner for HTTP/1.1 responses with a Content-Length.
type ResponseScanner struct {
	head []byte // an unfinished head
	left int    // body bytes still to come
	body bool
}

const longestHead = 16 << 10

// Scan implements Scanner.
func (s *ResponseScanner) Scan(b []byte) (int, error) {
	done := 0
	for len(b) > 0 {
		if !s.body {
			n, err := s.readHead(b)
			if err != nil {
				return done, err
			}
			b = b[n:]
			if !s.body {
				break
			}
		}
		n := min(len(b), s.left)
		b = b[n:]
		s.left -= n
		if s.left == 0 {
			s.body = false
			done++
		}
	}
	return done, nil
}

func (s *ResponseScanner) readHead(b []byte) (int, error) {
	head, used := b, len(b)
	if len(s.head) > 0 {
		s.head = append(s.head, b...)
		head = s.head
	}
	n := headLength(head)
	if n == 0 {
		if len(head) > longestHead {
			return 0, fmt.Errorf("load: a response head of over %d bytes", longestHead)
		}
		if len(s.head) == 0 {
			s.head = append(s.head, b...)
		}
		return used, nil
	}
	if !bytes.HasPrefix(head, []byte("HTTP/1.1 200")) {
		return 0, fmt.Errorf("load: response %q", head[:min(n, 64)])
	}
	length, err := contentLength(head[:n])
	if err != nil {
		return 0, err
	}
	used -= len(head) - n
	s.head = s.head[:0]
	s.left, s.body = length, true
	return used, nil
}

// contentLength allocates nothing for the spellings that servers use.
func contentLength(head []byte) (int, error) {
	for _, name := range []string{"\r\nContent-Length: ", "\r\ncontent-length: "} {
		if i := bytes.Index(head, []byte(name)); i >= 0 {
			value, _, _ := bytes.Cut(head[i+len(name):], []byte("\r"))
			return strconv.Atoi(strings.TrimSpace(string(value)))
		}
	}
	return 0, fmt.Errorf("load: a response without Content-Length")
}
