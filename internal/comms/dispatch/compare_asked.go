package dispatch

import (
	"strings"

	"github.com/go-json-experiment/json"
)

// CompareAsked compares two packages as a request for a second person shows them: where
// nothing else is left of them to compare.
func CompareAsked(before, after string) (Difference, error) {
	var was, is asked
	if err := json.Unmarshal([]byte(before), &was); err != nil {
		return Difference{}, err
	}
	err := json.Unmarshal([]byte(after), &is)
	return Difference{Package: was.Digest, Reached: string(Handed), Changes: compare(was.content(), is.content())}, err
}

func (a asked) content() Content {
	c := Content{Sender: a.Sender, Subject: a.Subject, Body: a.Body, Files: a.Attachments}
	for _, r := range a.Recipients {
		kind, address, _ := strings.Cut(r, ": ")
		c.Recipients = append(c.Recipients, Addressee{kind, address})
	}
	return c
}
