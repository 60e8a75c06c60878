package sockets

import (
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
	pipeline.Agreed
}

// agree judges r, and keeps its cookies whatever it is. The error is a *HandshakeError.
func (u *UpgradeClient) agree(r *http.Response, jar http.CookieJar) (*agreement, error) {
	if jar != nil {
		jar.SetCookies(r.Request.URL, r.Cookies())
	}
	agreed, why := u.Options.recipe().judge(r)
	if why != "" {
		e := &HandshakeError{Why: why, Status: r.StatusCode, Header: r.Header}
		if r.StatusCode != http.StatusSwitchingProtocols {
			e.Body, _ = io.ReadAll(r.Body)
		}
		return nil, e
	}
	return &agreement{r, r.Header.Get("Sec-Websocket-Protocol"), agreed}, nil
}

// judge says why r is not the upgrade that was asked for, "" if it is.
func (o *Options) judge(r *http.Response) (agreed pipeline.Agreed, why string) {
	h := r.Header
	protocols := h["Sec-Websocket-Protocol"]
	if len(protocols) == 1 && protocols[0] == "" { // RFC 6455 4.1: it indicates none
		protocols = nil
	}
	switch {
	case r.StatusCode != http.StatusSwitchingProtocols:
		return agreed, "server did not upgrade"
	case len(h["Upgrade"]) != 1 || !strings.EqualFold(h["Upgrade"][0], "websocket"): // RFC 6455 4.1: one value, where a request has a list
		return agreed, "response has no Upgrade: websocket"
	case !hasToken(h["Connection"], "upgrade"):
		return agreed, "response has no Connection: upgrade"
	case !slices.Equal(h["Sec-Websocket-Accept"], []string{AcceptKey(r.Request.Header.Get("Sec-WebSocket-Key"))}):
		return agreed, "response has a wrong Sec-WebSocket-Accept"
	case len(protocols) > 1 || len(protocols) == 1 && !slices.Contains(tokens(r.Request.Header["Sec-Websocket-Protocol"]), protocols[0]):
		return agreed, "server chose a subprotocol that was not offered"
	}
	agreed, err := o.extensions().Agree(h["Sec-Websocket-Extensions"])
	if err != nil {
		return agreed, err.Error()
	}
	return agreed, ""
}
