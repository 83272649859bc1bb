package api

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"golang.org/x/text/language"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/text"
)

// Problem is an answer that is no result: RFC 9457 problem details.
type Problem struct {
	Type   string `json:"type"` // urn:sekisho:fault:<code>
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"` // what happened, why, what to do; in the reader's language
	Kind   string `json:"kind"`   // of the closed list of package fault
	Code   string `json:"code"`   // text key, the same in every language
	Record string `json:"record,omitzero"`
	Field  string `json:"field,omitzero"` // JSON path of the input it is about
	Errors []Part `json:"errors,omitempty"`
}

// Part is one of several faults of one input.
type Part struct {
	Field  string `json:"field"`
	Code   string `json:"code"`
	Detail string `json:"detail"`
}

// Request is the answer (202) to an op that now waits for a second person.
type Request struct {
	Pending bool   `json:"pending"` // always true
	Request string `json:"request"` // id, for approval.show
	Detail  string `json:"detail"`
	Code    string `json:"code"`
	Record  string `json:"record,omitzero"`
}

// status gives the HTTP status of a fault. Refused is 409 and no 422: the input
// is well-formed, the state of things speaks against it.
func status(f *fault.Error) int {
	switch f.Key {
	case "gate.sign_in", "identity.session_over", "api.token":
		return http.StatusUnauthorized
	case "api.method":
		return http.StatusMethodNotAllowed
	case "api.body_size":
		return http.StatusRequestEntityTooLarge
	case "api.content_type":
		return http.StatusUnsupportedMediaType
	}
	switch f.Kind {
	case fault.KindInvalid:
		return http.StatusBadRequest
	case fault.KindNotFound:
		return http.StatusNotFound
	case fault.KindDenied, fault.KindStepUp:
		return http.StatusForbidden
	case fault.KindRefused, fault.KindConflict:
		return http.StatusConflict
	case fault.KindPending:
		return http.StatusAccepted
	case fault.KindLimited:
		return http.StatusTooManyRequests
	case fault.KindUnavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// arg finds an argument of a fault's sentence.
func arg(f *fault.Error, name string) any {
	for i := 0; i+1 < len(f.Args); i += 2 {
		if f.Args[i] == name {
			return f.Args[i+1]
		}
	}
	return nil
}

func argText(f *fault.Error, name string) string {
	v, _ := arg(f, name).(string)
	return v
}

func problem(l text.Lang, f *fault.Error) Problem {
	p := Problem{Type: "urn:sekisho:fault:" + f.Key, Title: text.T(l, "api.title_"+string(f.Kind)), Status: status(f),
		Detail: text.Fault(l, f), Kind: string(f.Kind), Code: f.Key, Record: argText(f, "record"), Field: f.Field}
	for _, e := range f.Parts {
		p.Errors = append(p.Errors, Part{Field: e.Field, Code: e.Key, Detail: text.Fault(l, e)})
	}
	return p
}

// refuse answers with a fault. Its cause stays here.
func (s *server) refuse(w http.ResponseWriter, r *http.Request, f *fault.Error) {
	l := s.lang(r)
	h := w.Header()
	h.Set("Content-Language", string(l))
	code := status(f)
	switch code {
	case http.StatusAccepted:
		s.write(w, code, "application/json", Request{Pending: true, Request: argText(f, "request"),
			Detail: text.Fault(l, f), Code: f.Key, Record: argText(f, "record")})
		return
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", "Bearer")
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		h.Set("Retry-After", retryAfter(f))
	}
	if f.Kind == fault.KindUnavailable {
		s.cfg.Log.Warn("unavailable", "code", f.Key, "err", f.Cause)
	}
	s.write(w, code, "application/problem+json", problem(l, f))
}

// retryAfter is what the sentence says, or a few seconds.
func retryAfter(f *fault.Error) string {
	if n, ok := arg(f, "seconds").(int); ok && n > 0 {
		return strconv.Itoa(n)
	}
	return "5"
}

func (s *server) write(w http.ResponseWriter, code int, media string, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("api: an answer is no JSON: %v", err))
	}
	send(w, code, media, b)
}

func send(w http.ResponseWriter, code int, media string, b []byte) {
	w.Header().Set("Content-Type", media)
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(code)
	w.Write(b) // the reader may be gone; then there is nobody to tell
}

// lang is the first language of Accept-Language that there is; else Japanese.
func (s *server) lang(r *http.Request) text.Lang {
	want := strings.Join(r.Header.Values("Accept-Language"), ",")
	_, i := language.MatchStrings(s.langs, want[:min(len(want), 200)])
	return text.Langs[i]
}

func matcher() language.Matcher {
	var tags []language.Tag
	for _, l := range text.Langs {
		tags = append(tags, language.MustParse(string(l)))
	}
	return language.NewMatcher(tags)
}
