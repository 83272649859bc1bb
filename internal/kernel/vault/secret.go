package vault

import (
	"crypto/subtle"
	"fmt"
	"log/slog"
)

const masked = "[secret]"

// Secret is text that must not be seen: a password, a private key. It prints,
// logs and marshals as "[secret]"; Reveal is the one way to the text. The text
// lies behind a pointer because fmt walks unexported fields past any method.
type Secret struct{ text *string }

// NewSecret hides s.
func NewSecret(s string) Secret { return Secret{&s} }

// Reveal gives the text.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// Empty tells whether there is no text.
func (s Secret) Empty() bool { return s.Reveal() == "" }

// Equal compares the texts in constant time; == would compare pointers.
func (s Secret) Equal(t Secret) bool {
	return subtle.ConstantTimeCompare([]byte(s.Reveal()), []byte(t.Reveal())) == 1
}

// String masks.
func (s Secret) String() string { return masked }

// Format masks for every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(masked)) }

// LogValue masks in structured logs.
func (s Secret) LogValue() slog.Value { return slog.StringValue(masked) }

// MarshalText masks; JSON and TOML use it.
func (s Secret) MarshalText() ([]byte, error) { return []byte(masked), nil }

// UnmarshalText takes the text from JSON or TOML.
func (s *Secret) UnmarshalText(b []byte) error {
	*s = NewSecret(string(b))
	return nil
}
