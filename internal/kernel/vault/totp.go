package vault

import (
	"encoding/base32"
	"errors"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"

	"sekisho/internal/kernel/fault"
)

const (
	totpPeriod     = 30 // seconds
	totpSecretSize = 20 // bytes; RFC 4226 §4 R6 recommends 160 bits
)

// errTOTP replaces the library's errors, which could carry the secret.
var errTOTP = errors.New("vault: one-time-code secret is malformed")

// NewTOTPSecret gives the secret of a one-time-code app in base32 without
// padding (ワンタイムコード, RFC 6238: SHA-1, six digits, 30 s).
func NewTOTPSecret() Secret {
	return NewSecret(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(Random(totpSecretSize)))
}

// TOTPURL is the otpauth:// address that authenticator apps take as a QR code.
func TOTPURL(secret Secret, issuer, account string) (Secret, error) {
	raw, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(secret.Reveal())
	if err != nil {
		return Secret{}, fault.Failed(errTOTP)
	}
	k, err := totp.Generate(totp.GenerateOpts{Issuer: issuer, AccountName: account, Secret: raw})
	if err != nil {
		return Secret{}, fault.Failed(err)
	}
	return NewSecret(k.URL()), nil
}

// TOTPCode is the code an authenticator app shows at now.
func TOTPCode(secret Secret, now time.Time) (string, error) {
	c, err := totp.GenerateCode(secret.Reveal(), now)
	if err != nil {
		return "", fault.Failed(errTOTP)
	}
	return c, nil
}

// ValidateTOTP tells whether code is right at now, one step early or late, and
// gives its step, which the caller stores. A step not after lastStep is refused
// whatever the code: each code is good once. No secret validates nothing.
func ValidateTOTP(secret Secret, code string, now time.Time, lastStep int64) (step int64, ok bool) {
	if secret.Empty() {
		return 0, false // the library would compute a code that anybody can
	}
	at := now.Unix() / totpPeriod
	for _, s := range []int64{at - 1, at, at + 1} {
		if s <= lastStep {
			continue
		}
		good, err := totp.ValidateCustom(code, secret.Reveal(), time.Unix(s*totpPeriod, 0),
			totp.ValidateOpts{Period: totpPeriod, Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
		if err == nil && good {
			return s, true
		}
	}
	return 0, false
}
