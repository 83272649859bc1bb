package dispatch

import (
	"sekisho/internal/base/party"
	"sekisho/internal/kernel/gate"
)

// channels adds how a package goes, and how the addressee wants to receive.
func (s *standing) channels(x *gate.Tx, b bundle) error {
	if len(b.files) == 0 || x.Outside() == "" {
		return nil
	}
	c, err := party.ChoiceOf(x, b.Party)
	s.facts.Linked, s.facts.Inside, s.facts.Attaches = b.Channel == Link, b.Channel == Mail, c.Way.Attaches()
	if err != nil {
		return err
	}
	return s.introduced(x, b)
}

// channelFits: a choice that was changed after the package was made voids what
// rests on it. Files never go inside a mail against the addressee's choice; a
// link to one who asked for attachments is looked at.
func channelFits(f Facts) []Finding {
	switch {
	case f.Inside && !f.Attaches:
		return []Finding{stop(ItemPackage, "channel_not_chosen", WayEdit)}
	case f.Linked && f.Attaches:
		return []Finding{caution(ItemPackage, "channel_other", false)}
	}
	return nil
}

// linkSaid: the body speaks of an attachment, and the recipient finds a link.
func linkSaid(f Facts) []Finding {
	if !f.Linked || !f.SaysFile {
		return nil
	}
	return []Finding{caution(ItemBody, "link_said", false)}
}
