package acme

import (
	"encoding/json"
	"os"
	"path/filepath"
	"time"

	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/text"
)

// failureFile lies beside the certificates while nothing could be got, for doctor.
const failureFile = "failure.json"

// Failed is why nothing was got the last time.
type Failed struct {
	At time.Time `json:"at"`
	Ja string    `json:"ja"`
	En string    `json:"en"`
}

// Sentence says it in a language.
func (f Failed) Sentence(l text.Lang) string {
	if l == text.EN {
		return f.En
	}
	return f.Ja
}

// Failure is why nothing was got the last time; nil if all is well.
func Failure(dir string) *Failed {
	b, err := os.ReadFile(filepath.Join(dir, failureFile))
	if err != nil {
		return nil
	}
	var f Failed
	if json.Unmarshal(b, &f) != nil {
		return nil
	}
	return &f
}

// note keeps how the last round ended.
func (m *Manager) note(failed error) {
	file := filepath.Join(m.dir, failureFile)
	err := os.Remove(file)
	if failed != nil {
		f := fault.Of(failed)
		b, e := json.Marshal(Failed{time.Now(), text.Fault(text.JA, f), text.Fault(text.EN, f)})
		if err = e; err == nil {
			err = os.MkdirAll(m.dir, 0o700)
		}
		if err == nil {
			err = os.WriteFile(file, b, 0o600)
		}
	}
	if err != nil && !os.IsNotExist(err) {
		m.log.Error("how the last round ended could not be kept", "err", err)
	}
}
