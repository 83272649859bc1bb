package optin

import (
	"bytes"
	"context"
	"io"
	"net/mail"
	"regexp"
	"slices"
	"strings"

	"sekisho/internal/base/party"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/mailaddr"

	"github.com/emersion/go-message"
	_ "github.com/emersion/go-message/charset" // answers are not all in UTF-8
	"github.com/emersion/go-msgauth/dkim"
)

const (
	replyMost  = 5 << 20 // bytes of an answer
	signedMost = 5       // signatures that are looked at
	partsMost  = 50
)

// ReplyIn is the answer as it came.
type ReplyIn struct {
	Proof   string `json:"proof" required:"true" max:"40"`
	Content []byte `json:"content" required:"true"` // the mail as a file (EML)
}

// Signed is what is known of an answer: what it says and who vouches for it.
type Signed struct {
	From    string   // canonical
	Domains []string // that have signed it, From and body whole
	ID      string   // its Message-ID
	Tokens  []string // that may be the secret
	digest  string
}

var token = regexp.MustCompile(`[A-Za-z0-9_-]{43}`)

// Read reads an answer and asks for the keys of its signatures.
func Read(ctx context.Context, raw []byte, txt LookupTXT) (Signed, error) {
	var s Signed
	e, err := message.Read(bytes.NewReader(raw))
	if err != nil && e == nil {
		return s, fault.Invalid("optin.no_mail").At("content").Because(err)
	}
	from := e.Header.Values("From")
	if len(from) != 1 { // which of two a reader sees, nobody knows
		return s, fault.Refused("optin.no_from").At("content")
	}
	list, err := mail.ParseAddressList(from[0])
	if err != nil || len(list) != 1 {
		return s, fault.Refused("optin.no_from").At("content")
	}
	a, err := mailaddr.Parse(list[0].Address)
	if err != nil {
		return s, fault.Refused("optin.no_from").At("content")
	}
	s.From, s.ID = a.String(), e.Header.Get("Message-Id")
	verified, err := dkim.VerifyWithOptions(bytes.NewReader(raw), &dkim.VerifyOptions{MaxVerifications: signedMost,
		LookupTXT: func(name string) ([]string, error) { return txt(ctx, name) }})
	if err != nil && len(verified) == 0 {
		return s, fault.Refused("optin.not_signed").At("content").Because(err)
	}
	for _, v := range verified {
		signsFrom := slices.ContainsFunc(v.HeaderKeys, func(k string) bool { return strings.EqualFold(k, "From") })
		if v.Err == nil && signsFrom {
			s.Domains = append(s.Domains, v.Domain)
		}
	}
	s.Tokens = tokensIn(e)
	return s, nil
}

// tokensIn are the texts of a mail's readable parts that may be the secret.
func tokensIn(e *message.Entity) []string {
	var out []string
	parts := 0
	_ = e.Walk(func(_ []int, p *message.Entity, err error) error { // what cannot be read holds no secret
		if parts++; err != nil || parts > partsMost {
			return io.EOF
		}
		media, _, _ := p.Header.ContentType()
		if media != "" && !strings.HasPrefix(media, "text/") {
			return nil
		}
		b, err := io.ReadAll(io.LimitReader(p.Body, replyMost))
		out = append(out, token.FindAllString(string(b), -1)...)
		return err
	})
	return out
}

// Aligned tells whether one of the domains that signed is the one of the sender,
// or above it, within what somebody registered.
func (s Signed) Aligned() (string, bool) {
	a, err := mailaddr.Parse(s.From)
	if err != nil {
		return "", false
	}
	for _, d := range s.Domains {
		d = strings.ToLower(d)
		if d == a.Domain() {
			return d, true
		}
		own, err := mailaddr.Registrable(a.Domain())
		if err == nil && strings.HasSuffix(a.Domain(), "."+d) && strings.HasSuffix(d, own) {
			return d, true
		}
	}
	return "", false
}

// answers is Refused unless s is the addressee's answer to the question of p.
func answers(p party.Proof, s Signed) (domain string, err error) {
	domain, ok := s.Aligned()
	switch {
	case s.From != p.Address:
		return "", fault.Refused("optin.other_sender", "from", s.From, "address", p.Address).At("content")
	case len(s.Domains) == 0:
		return "", fault.Refused("optin.not_signed").At("content")
	case !ok:
		return "", fault.Refused("optin.not_aligned", "domain", strings.Join(s.Domains, ", "), "from", s.From).At("content")
	case !slices.ContainsFunc(s.Tokens, p.Secret):
		return "", fault.Refused("optin.no_token").At("content")
	}
	return domain, nil
}

// replyOp takes the answer of an addressee (返信による確認): it comes from the very
// address, quotes the number that was mailed there, and the domain has signed it.
func (h *House) replyOp() *gate.UseCase[ReplyIn, party.Proof] {
	return gate.New(gate.Op[ReplyIn, party.Proof]{
		Name: "optin.reply", Mode: gate.Write,
		Alone: func(in ReplyIn) []string { return lock(in.Proof) },
		Target: func(x *gate.Tx, in ReplyIn) (gate.Target, error) {
			p, err := party.ProofByID(x, in.Proof)
			if err != nil {
				return gate.Target{}, err
			}
			return about(x, p.Party)
		},
		Work: func(x *gate.Tx, in ReplyIn) (func(context.Context) (any, error), error) {
			if len(in.Content) > replyMost {
				return nil, fault.Limited("gate.too_long", "length", len(in.Content), "max", replyMost)
			}
			if _, err := asked(x, in.Proof); err != nil {
				return nil, err
			}
			return func(ctx context.Context) (any, error) {
				s, err := Read(ctx, in.Content, h.txt)
				if err != nil {
					return nil, err
				}
				d, err := x.Blobs().Put(ctx, in.Content)
				s.digest = d.String()
				return s, err
			}, nil
		},
		Do: func(x *gate.Tx, in ReplyIn) (party.Proof, error) {
			p, err := asked(x, in.Proof)
			if err != nil {
				return p, err
			}
			s := gate.Worked[Signed](x)
			domain, err := answers(p, s)
			if err != nil {
				return p, gate.Refused(x, fault.Of(err))
			}
			p.Detail, p.Bytes = "DKIM d="+domain+" Message-ID "+s.ID, s.digest
			return p, p.Settle(x, party.ProofGiven)
		},
	})
}

// asked is a proof that waits for an answer by mail.
func asked(x *gate.Tx, id string) (party.Proof, error) {
	p, err := party.ProofByID(x, id)
	if err == nil && (p.Way != party.ByReply || !p.Open(x.Now())) {
		err = fault.Refused("optin.not_asked")
	}
	return p, err
}
