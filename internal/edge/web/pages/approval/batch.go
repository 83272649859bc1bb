package approval

import (
	"time"

	"github.com/go-json-experiment/json"

	"sekisho/internal/comms/dispatch"
	"sekisho/internal/kernel/text"
)

// plan is what the release of a batch is about, as it was when it was asked for.
type plan struct {
	Packages   int64      `json:"packages"`
	Total      int64      `json:"total"`
	SendAt     time.Time  `json:"send_at"`
	Subject    string     `json:"subject"`
	Body       string     `json:"body"`
	Sample     []planItem `json:"sample"`
	Cautions   []planItem `json:"cautions"`
	Exceptions []struct {
		Partner string            `json:"partner"`
		Reason  map[string]string `json:"reason"`
	} `json:"exceptions"`
	More   map[string]int64 `json:"more"`
	Digest string           `json:"digest"`
}

type planItem struct {
	Partner    string              `json:"partner"`
	Recipients []string            `json:"recipients"`
	Amount     int64               `json:"amount"`
	Prior      int64               `json:"prior"`
	Sending    string              `json:"sending"`
	Found      []map[string]string `json:"found"`
}

// In is a sentence in the reader's language.
func (plan) In(l text.Lang, s map[string]string) string { return s[string(l)] }

// batch opens what a batch is, if the request is of one.
func (d *asked) batch() error {
	if d.Op != dispatch.BatchReleaseName || d.AfterIs == "" {
		return nil
	}
	d.Plan, d.Shown.Changes, d.Changes = &plan{}, nil, nil
	return json.Unmarshal([]byte(d.AfterIs), d.Plan)
}
