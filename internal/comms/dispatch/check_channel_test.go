package dispatch

import (
	"slices"
	"testing"
)

// SM-38: the way a package goes agrees with what the addressee chose and what the
// body says.
func TestSM38_ChannelAndWords(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Facts)
		want   string
	}{
		{"link, not spoken of", func(f *Facts) { f.Linked, f.SaysFile = true, false }, ""},
		{"link, body says attached", func(f *Facts) { f.Linked = true }, "caution dispatch.found.link_said"},
		{"inside, chosen", func(f *Facts) { f.Inside, f.Attaches = true, true }, ""},
		{"inside, no more chosen", func(f *Facts) { f.Inside = true }, "stop dispatch.found.channel_not_chosen"},
		{"link, attachments chosen", func(f *Facts) { f.Linked, f.SaysFile, f.Attaches = true, false, true }, "caution dispatch.found.channel_other"},
		{"no portal", func(*Facts) {}, ""},
	} {
		f := Facts{SaysFile: true}
		c.change(&f)
		got := ""
		for _, x := range slices.Concat(channelFits(f), linkSaid(f)) {
			got += string(x.Level) + " " + x.Key
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
