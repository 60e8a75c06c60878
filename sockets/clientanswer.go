package sockets

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/spindrift-go/spindrift/pipeline"
)

// agreement is what a handshake has come to.
type agreement struct {
	response *http.Response
	protocol string
	params   *pipeline.DeflateParams // nil: no compression
}

// agree judges r, and keeps its cookies whatever it is. The error is a *HandshakeError.
func (u *UpgradeClient) agree(r *http.Response, jar http.CookieJar) (*agreement, error) {
	if jar != nil {
		jar.SetCookies(r.Request.URL, r.Cookies())
	}
	params, why := u.Options.recipe().judge(r)
	if why != "" {
		e := &HandshakeError{Why: why, Status: r.StatusCode, Header: r.Header}
		if r.StatusCode != http.StatusSwitchingProtocols {
			e.Body, _ = io.ReadAll(r.Body)
		}
		return nil, e
	}
	r.Body = io.NopCloser(new(bytes.Reader))
	return &agreement{r, r.Header.Get("Sec-Websocket-Protocol"), params}, nil
}

// judge says why r is not the upgrade that was asked for, "" if it is.
func (o *Options) judge(r *http.Response) (params *pipeline.DeflateParams, why string) {
	h := r.Header
	protocols := h["Sec-Websocket-Protocol"]
	switch {
	case r.StatusCode != http.StatusSwitchingProtocols:
		return nil, "server did not upgrade"
	case len(h["Upgrade"]) != 1 || !strings.EqualFold(h["Upgrade"][0], "websocket"): // RFC 6455 4.1: one value, where a request has a list
		return nil, "response has no Upgrade: websocket"
	case !hasToken(h["Connection"], "upgrade"):
		return nil, "response has no Connection: upgrade"
	case !slices.Equal(h["Sec-Websocket-Accept"], []string{AcceptKey(r.Request.Header.Get("Sec-WebSocket-Key"))}):
		return nil, "response has a wrong Sec-WebSocket-Accept"
	case len(protocols) > 1 || len(protocols) == 1 && !slices.Contains(tokens(r.Request.Header["Sec-Websocket-Protocol"]), protocols[0]):
		return nil, "server chose a subprotocol that was not offered"
	}
	extensions := h["Sec-Websocket-Extensions"]
	if o.Compression == nil {
		if len(tokens(extensions)) > 0 {
			return nil, "server chose an extension that was not offered"
		}
		return nil, ""
	}
	p, ok, err := o.Compression.Agree(extensions)
	switch {
	case err != nil:
		return nil, err.Error()
	case !ok:
		return nil, ""
	}
	return &p, ""
}
