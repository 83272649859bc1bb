package main

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"sekisho/internal/app"
	"sekisho/internal/comms/mailsign"
	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
)

type dkimCmd struct {
	Show   dkimShowCmd   `cmd:"" default:"withargs" help:"鍵と、DNS に公開する TXT レコードを示す / List the keys and the TXT records to publish."`
	New    dkimNewCmd    `cmd:"" help:"鍵を2つ（RSA と Ed25519）作る / Make two keys, RSA and Ed25519."`
	Remove dkimRemoveCmd `cmd:"" help:"使わなくなった鍵を消す / Delete a key that is no longer in use."`
}

type dkimShowCmd struct{ home }

type dkimNewCmd struct {
	home
	Name string `arg:"" optional:"" help:"名前。r と e を付けて2つになります。空なら今日の日付 / Name of the pair; r and e are added. Empty: today's date."`
}

type dkimRemoveCmd struct {
	home
	Selector string `arg:"" help:"鍵の名前（例 s20261201r） / Name of the key."`
}

// signingHome reads the settings of a house that has keys and knows whom it signs for.
func signingHome(home string) (app.Config, string, error) {
	cfg, err := app.LoadConfig(home)
	if err != nil {
		return cfg, "", err
	}
	if _, err := os.Stat(cfg.Keys.Dir); err != nil {
		return cfg, "", fault.Unavailable("app.home_none", "dir", home)
	}
	domain := cfg.Mail.SigningDomain()
	if domain == "" {
		return cfg, "", fault.Refused("cli.dkim_no_domain")
	}
	return cfg, domain, nil
}

// record prints one TXT record as a zone file takes it: no string in it is longer
// than 255 octets.
func (e *env) record(k mailsign.Key, domain string) error {
	r, err := k.Record()
	if err != nil {
		return err
	}
	var parts []string
	for c := range slices.Chunk([]byte(r), 250) {
		parts = append(parts, strconv.Quote(string(c)))
	}
	fmt.Fprintf(e.out, "  %s. IN TXT ( %s )\n", k.Name(domain), strings.Join(parts, " "))
	return nil
}

// Run lists all keys with their records.
func (c dkimShowCmd) Run(e *env) error {
	cfg, domain, err := signingHome(c.Home)
	if err != nil {
		return err
	}
	list, err := mailsign.Selectors(cfg.Keys.Dir)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		e.say("cli.dkim_empty")
	}
	for _, s := range list {
		k, err := mailsign.LoadKey(cfg.Keys.Dir, s)
		if err != nil {
			return err
		}
		key := "cli.dkim_spare"
		if slices.Contains(cfg.Mail.DKIM.Sign, s) {
			key = "cli.dkim_signing"
		}
		e.say(key, "selector", s, "algorithm", k.Algorithm())
		if err := e.record(k, domain); err != nil {
			return err
		}
	}
	return nil
}

// Run makes a pair of keys and says what to do next. The keys there are stay:
// they sign until the settings name the new ones.
func (c dkimNewCmd) Run(e *env) error {
	cfg, domain, err := signingHome(c.Home)
	if err != nil {
		return err
	}
	if c.Name == "" {
		c.Name = "s" + strings.ReplaceAll(civil.Of(e.now()).String(), "-", "")
	}
	pair, err := mailsign.NewKeys(cfg.Keys.Dir, c.Name)
	if err != nil {
		return err
	}
	e.say("cli.dkim_made")
	var names []string
	for _, k := range pair {
		if err := e.record(k, domain); err != nil {
			return err
		}
		names = append(names, strconv.Quote(k.Selector))
	}
	e.say("cli.dkim_next")
	fmt.Fprintf(e.out, "  [mail.dkim]\n  sign = [%s]\n", strings.Join(names, ", "))
	e.say("cli.dkim_keep")
	return nil
}

// Run deletes a key that signs no longer.
func (c dkimRemoveCmd) Run(e *env) error {
	cfg, domain, err := signingHome(c.Home)
	if err != nil {
		return err
	}
	if slices.Contains(cfg.Mail.DKIM.Sign, c.Selector) {
		return fault.Refused("mailsign.signs", "selector", c.Selector)
	}
	if err := mailsign.Remove(cfg.Keys.Dir, c.Selector); err != nil {
		return err
	}
	e.say("cli.dkim_removed", "selector", c.Selector, "name", mailsign.Key{Selector: c.Selector}.Name(domain))
	return nil
}
