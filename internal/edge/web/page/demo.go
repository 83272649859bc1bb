package page

import (
	"context"
	"time"

	"sekisho/internal/app/demo"
)

// Demo is what a demo house offers beside the pages of a real one.
type Demo interface {
	Now() time.Time
	// Code is the current one-time code of a person of the demo, "" for others.
	Code(login string) string
	// People are all of the demo's, with what they sign in with.
	People() []demo.Place
	// Enter is what a person signs in with this very moment.
	Enter(login string) (password, code string, err error)

	// Mails are those that were trapped, newest first.
	Mails() ([]demo.Mail, error)
	Mail(id string) (demo.Mail, error)
	MailFile(id string, n int) (demo.MailFile, []byte, error)

	// Forward moves the demo's clock by demo.Step.
	Forward(context.Context) error
	// Try lets the people of the demo try one of demo.Attempts.
	Try(ctx context.Context, name string) error
	// Tried are those that were tried, by name.
	Tried() map[string]demo.Attempt
	// Erase ends the demo for good.
	Erase()
}
