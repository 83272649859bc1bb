// Package demo are the pages only a demo has: its people, the trapped mails,
// the tour of attempts to leak, and its end. In a real house there is nothing
// at these addresses.
package demo

import (
	"embed"
	"net"
	"strconv"
	"strings"

	"sekisho/internal/app/demo"
	"sekisho/internal/edge/web/page"
	"sekisho/internal/kernel/fault"
)

//go:embed *.html
var files embed.FS

// Pages are the section.
var Pages = page.Section{Name: "demo", Files: files, Routes: []page.Route{
	{At: "GET /demo", Open: true, Do: only(guide)},
	{At: "GET /demo/codes", Open: true, Do: only(codes)},
	{At: "POST /demo/enter", Open: true, Do: only(enter)},
	{At: "POST /demo/forward", Open: true, Do: only(forward)},
	{At: "GET /demo/inbox", Open: true, Do: only(inbox)},
	{At: "GET /demo/inbox/{id}", Open: true, Do: only(letter)},
	{At: "GET /demo/inbox/{id}/{file}", Open: true, Do: only(file)},
	{At: "GET /demo/tour", Open: true, Do: only(tour)},
	{At: "POST /demo/tour", Open: true, Do: only(try)},
	{At: "GET /demo/erase", Open: true, Do: only(eraseAsk)},
	{At: "POST /demo/erase", Open: true, Do: only(erase)},
}}

// only lets a page exist in a demo.
func only(do func(*page.Req) (page.Answer, error)) func(*page.Req) (page.Answer, error) {
	return func(q *page.Req) (page.Answer, error) {
		if q.House.Demo == nil {
			return page.Answer{}, fault.NotFound()
		}
		return do(q)
	}
}

// show is a page of its own look: who reads it may be nobody yet.
func show(q *page.Req, template, title string, data any, scripts ...string) (page.Answer, error) {
	return page.Answer{Template: "demo/" + template, Title: q.T(title), Data: data, Bare: true, Scripts: scripts}, nil
}

// card is one person with what they sign in with.
type card struct {
	demo.Place
	Code  string
	Local string // address of a window of their own; "" where the browser came by a number
}

type guideData struct {
	Cards []card // the first of every role
	Rest  []card
	One   *card // the window of one person
	Mails int
	Clock string // where the demo's clock stands
}

func guide(q *page.Req) (page.Answer, error) {
	d, seen := guideData{Clock: page.When(q.House.Demo.Now())}, map[string]bool{}
	for _, p := range q.House.Demo.People() {
		c := card{p, q.House.Demo.Code(p.Login), window(q.Host, p.Login)}
		if p.Login == q.Query("who") {
			d.One = &c
		}
		if seen[p.Role] {
			d.Rest = append(d.Rest, c)
			continue
		}
		seen[p.Role] = true
		d.Cards = append(d.Cards, c)
	}
	mails, err := q.House.Demo.Mails()
	d.Mails = len(mails)
	if err != nil {
		return page.Answer{}, err
	}
	return show(q, "guide", "web.demo.title", d, "demo.js")
}

// window is the address of one person's own window: browsers resolve every name
// below localhost to this computer, and cookies are kept per host.
func window(host, login string) string {
	_, port, err := net.SplitHostPort(host)
	if err != nil {
		return ""
	}
	family, _, _ := strings.Cut(login, ".")
	return "http://" + net.JoinHostPort(family+".localhost", port) + "/demo?who=" + login
}

// codes are the current codes, for the script that keeps them fresh.
func codes(q *page.Req) (page.Answer, error) {
	out := map[string]string{}
	for _, p := range q.House.Demo.People() {
		out[p.Login] = q.House.Demo.Code(p.Login)
	}
	return page.JSON(out)
}

// enter signs a person in by their card: with password and code, like everybody.
func enter(q *page.Req) (page.Answer, error) {
	for range 3 { // a code that somebody has just typed is used up
		login := q.Form.Get("login")
		password, code, err := q.House.Demo.Enter(login)
		if err != nil {
			return page.Answer{}, err
		}
		_, err = q.SignIn(login, password, code)
		if err == nil {
			break
		}
		if fault.Of(err).Key != "identity.signin_wrong" {
			return page.Answer{}, err
		}
	}
	return q.Go(page.Local(q.Form.Get("next")), "")
}

func forward(q *page.Req) (page.Answer, error) {
	if err := q.House.Demo.Forward(q.Context()); err != nil {
		return page.Answer{}, err
	}
	return q.Go(page.Local(q.Form.Get("next")), "web.done.demo_forward")
}

func inbox(q *page.Req) (page.Answer, error) {
	mails, err := q.House.Demo.Mails()
	if err != nil {
		return page.Answer{}, err
	}
	return show(q, "inbox", "web.demo.inbox", mails)
}

func letter(q *page.Req) (page.Answer, error) {
	m, err := q.House.Demo.Mail(q.PathValue("id"))
	if err != nil {
		return page.Answer{}, err
	}
	return show(q, "mail", "web.demo.mail", m)
}

// file gives an attachment to be saved; a browser never shows it here.
func file(q *page.Req) (page.Answer, error) {
	n, err := strconv.Atoi(q.PathValue("file"))
	if err != nil {
		return page.Answer{}, fault.NotFound()
	}
	f, content, err := q.House.Demo.MailFile(q.PathValue("id"), n)
	return page.Answer{Bytes: content, Media: "application/octet-stream", Name: f.Name}, err
}

func eraseAsk(q *page.Req) (page.Answer, error) {
	return show(q, "erase", "web.demo.erase", false)
}

func erase(q *page.Req) (page.Answer, error) {
	q.House.Demo.Erase()
	return show(q, "erase", "web.demo.erase", true)
}
