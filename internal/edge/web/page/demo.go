package page

import "time"

// Demo is what a demo house offers beside the pages of a real one.
type Demo interface {
	Now() time.Time
	// Code is the current one-time code of a person of the demo, "" for others.
	Code(login string) string
}
