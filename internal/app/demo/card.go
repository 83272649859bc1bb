package demo

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"time"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/vault"
)

// CardFile is the name of the card inside a demo home.
const CardFile = "demo.json"

// Card is everything needed to try the demo: who there is with what they sign in
// with, and where. It exists for demos only; a real house keeps no such thing.
type Card struct {
	Note   string     `json:"note"`
	URL    string     `json:"url"`
	Mail   string     `json:"mail_folder"` // what was sent, one .eml per recipient
	Origin string     `json:"origin"`      // audience of an API client's assertion
	Seed   int64      `json:"seed"`
	Ahead  int64      `json:"ahead_seconds"` // how far the demo's clock was moved before the machine's
	People []Place    `json:"people"`
	Client ClientCard `json:"api_client"`
}

// Place is one person on the card.
type Place struct {
	Role       string `json:"role"`
	RoleJA     string `json:"role_ja"`
	Department string `json:"department"`
	Login      string `json:"login"`
	Name       string `json:"name"`
	Password   string `json:"password"`
	TOTP       string `json:"totp_secret"`
	ID         string `json:"id"`
}

// ClientCard is the API client on the card.
type ClientCard struct {
	ID    string   `json:"id"`
	Owner string   `json:"owner"`       // login of the person it acts for
	Key   string   `json:"private_key"` // Ed25519 seed, base64
	Ops   []string `json:"ops"`
}

const note = "Made-up people of a demo: nothing can leave from here. / 見本の会社の、架空の人たちです。ここからは何も外へ出ません。"

func places(cast []*Person) []Place {
	japanese := map[string]string{}
	for _, r := range Roles {
		japanese[r.Name] = r.Japanese
	}
	var out []Place
	for _, p := range cast {
		r := p.Roles[0]
		out = append(out, Place{r, japanese[r], p.dept, p.Login, p.Name, p.Password, p.TOTP, p.ID})
	}
	return out
}

// cast are the people of the card, able to act.
func (c Card) cast() []*Person {
	var out []*Person
	for i, p := range c.People {
		out = append(out, &Person{ID: p.ID, Login: p.Login, Name: p.Name, Roles: []string{p.Role}, Password: p.Password, TOTP: p.TOTP, dept: p.Department, number: i})
	}
	return out
}

// Time is the demo's time when the machine's clock shows now.
func (c Card) Time(now time.Time) time.Time { return now.Add(time.Duration(c.Ahead) * time.Second) }

// save writes the card into the home, readable by its owner only.
func (c Card) save(home string) error {
	b, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	next := filepath.Join(home, CardFile+".next")
	if err := os.WriteFile(next, append(b, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(next, filepath.Join(home, CardFile))
}

// LoadCard reads the card of a demo home; fault.Refused "demo.unfinished" if
// its making was interrupted, "demo.none" if there is no such folder.
func LoadCard(home string) (Card, error) {
	var c Card
	b, err := os.ReadFile(filepath.Join(home, CardFile))
	if _, gone := os.Stat(home); errors.Is(gone, os.ErrNotExist) {
		return c, fault.Refused("demo.none", "dir", home)
	}
	if errors.Is(err, os.ErrNotExist) {
		return c, fault.Refused("demo.unfinished", "dir", home)
	}
	if err != nil {
		return c, err
	}
	return c, json.Unmarshal(b, &c)
}

// First is the first person of a role on the card.
func (c Card) First(role string) Place {
	for _, p := range c.People {
		if p.Role == role {
			return p
		}
	}
	return Place{}
}

// Code is the one-time code of a person on the card at a moment;
// fault.NotFound if nobody has that login.
func (c Card) Code(login string, at time.Time) (string, error) {
	for _, p := range c.People {
		if p.Login == login {
			return vault.TOTPCode(vault.NewSecret(p.TOTP), at)
		}
	}
	return "", fault.Invalid("demo.no_such_login", "login", login)
}
