package civil

import (
	"regexp"

	"sekisho/internal/kernel/fault"
)

// Months asks for some months, both included.
type Months struct {
	From string `json:"from" required:"true" max:"7"` // "2026-04"
	To   string `json:"to" required:"true" max:"7"`
}

// Validate refuses what is no range of months.
func (m Months) Validate() error {
	month := regexp.MustCompile(`^[0-9]{4}-(0[1-9]|1[0-2])$`)
	switch {
	case !month.MatchString(m.From):
		return fault.Invalid("civil.bad_month").At("from")
	case !month.MatchString(m.To) || m.To < m.From:
		return fault.Invalid("civil.bad_month").At("to")
	}
	return nil
}
