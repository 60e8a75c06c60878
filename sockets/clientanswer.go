package sockets

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/spindrift-go/spindrift/actors"
	"github.com/spindrift-go/spindrift/pipeline"
)

// HandshakeError is a server's answer that is not the upgrade asked for.
type HandshakeError struct {
	Why    string
	Status int         // of the response
	Header http.Header // of the response
	Body   []byte      // its first KiB
}

func (e *HandshakeError) Error() string {
	return fmt.Sprintf("%s (status %d)", e.Why, e.Status)
}

// Agree makes UpgradeClient an actors.ClientUpgrader: RFC 6455 4.1, the
// server's response.
func (u *UpgradeClient) Agree(r *http.Response) (*actors.Plan, error) {
	o := u.Options.recipe()
	if u.Dialer.Jar != nil {
		u.Dialer.Jar.SetCookies(r.Request.URL, r.Cookies())
	}
	params, why := o.judge(r)
	if why != "" {
		e := &HandshakeError{Why: why, Status: r.StatusCode, Header: r.Header}
		if r.StatusCode != http.StatusSwitchingProtocols {
			e.Body, _ = io.ReadAll(r.Body)
		}
		return nil, e
	}
	r.Body = io.NopCloser(new(bytes.Reader))
	return &actors.Plan{
		Top:     o.topOf(u.Stages),
		Core:    o.coreOf(true, params),
		Handler: u.FrameHandler,
		Spawn:   u.Spawn,
		Hello: &Upgraded{
			Request:     r.Request,
			Response:    r,
			Subprotocol: r.Header.Get("Sec-Websocket-Protocol"),
			Compressed:  params != nil,
		},
		Limits:   o.limits,
		Portable: o.Portable,
	}, nil
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
	case len(protocols) > 1 || len(protocols) == 1 && !slices.Contains(o.Subprotocols, protocols[0]):
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
