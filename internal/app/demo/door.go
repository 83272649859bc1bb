// Package demo makes the made-up company 北斗サプライ and plays the main job
// with it. Everything is done by its people through the real doors: signed in,
// decided about, recorded.
package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
)

// Door is a way in: the gate itself or its HTTP API.
type Door interface {
	// Do runs an op with JSON in and out. A refusal is a *Stop.
	Do(ctx context.Context, token, op string, in []byte) ([]byte, error)
}

// Stop is a refusal as a person sees it.
type Stop struct {
	Code    string     `json:"code"` // text key
	Detail  string     `json:"detail"`
	Request string     `json:"request"` // a second person decides about this request
	Record  string     `json:"record"`
	Errors  []StopPart `json:"errors"`

	fault *fault.Error // the refusal itself, where the door is in this process
}

// StopPart is one of several reasons.
type StopPart struct {
	Field  string `json:"field"`
	Code   string `json:"code"`
	Detail string `json:"detail"`
}

func (s *Stop) Error() string { return s.Code + ": " + s.Detail }

// Inside goes through the gate in this process.
type Inside struct{ Gate *gate.Gate }

// Do runs an op.
func (d Inside) Do(ctx context.Context, token, op string, in []byte) ([]byte, error) {
	cred := gate.Nobody(netip.MustParseAddr("127.0.0.1"))
	if token != "" {
		cred = gate.Session(token, netip.MustParseAddr("127.0.0.1"))
	}
	out, err := d.Gate.JSON(ctx, cred, op, in)
	var f *fault.Error
	if !errors.As(err, &f) {
		return out, err
	}
	s := &Stop{Code: f.Key, Detail: f.Error(), fault: f}
	for i := 0; i+1 < len(f.Args); i += 2 {
		switch f.Args[i] {
		case "request":
			s.Request = fmt.Sprint(f.Args[i+1])
		case "record":
			s.Record = fmt.Sprint(f.Args[i+1])
		}
	}
	for _, p := range f.Parts {
		s.Errors = append(s.Errors, StopPart{p.Field, p.Key, p.Error()})
	}
	return nil, s
}

// HTTP goes through the API of a running server.
type HTTP struct {
	Base   string // http://127.0.0.1:PORT
	Client *http.Client
	Lang   string
}

// Do runs an op.
func (d HTTP) Do(ctx context.Context, token, op string, in []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.Base+"/api/v1/"+op, bytes.NewReader(in))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept-Language", d.Lang)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := d.Client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 64<<20))
	if err != nil || res.StatusCode == http.StatusOK {
		return body, err
	}
	s := &Stop{}
	if err := json.Unmarshal(body, s); err != nil {
		return nil, fmt.Errorf("%s: HTTP %d", op, res.StatusCode)
	}
	return nil, s
}
