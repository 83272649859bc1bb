package dispatch

import (
	"time"

	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/money"
	"sekisho/internal/kernel/policy"
)

// bigFrom is the amount in yen from which a second person looks at a sending,
// by the day. It is the product's own caution, set in November 2026; no law
// asks for it.
func bigFrom() civil.Table[money.Yen] {
	return civil.Table[money.Yen]{
		{From: civil.MustParse("2000-01-01"), Value: 1_000_000, Source: "Sekisho, architecture §8 (friction follows risk)", Status: civil.Provisional},
	}
}

// secondFrom is the class from which a package is always approved by a second
// person, whatever the checks say: in this stage every issued document is
// confidential, so every invoice is (issue 2: "approved by a second person as a
// digest").
const secondFrom = policy.Confidential

// ticksFor is how long ticks are good: long enough to read what they stand for,
// too short for the register to be remembered wrongly.
const ticksFor = 30 * time.Minute

// DefaultHold is the countdown before sending (security.md M19: 5 to 15 min).
const DefaultHold = 10 * time.Minute

// lease is how long a claim lasts without its mark: what it takes to build the
// mail, connect and write the data, by RFC 5321 §4.5.3.2, with room.
const lease = 30 * time.Minute

// retryAfter is how long after its n-th failed try a mail waits, n from 1.
// RFC 5321 §4.5.4.1 wants 30 minutes in general and less at first.
func retryAfter(n int64) time.Duration {
	steps := []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour}
	return steps[min(max(n, 1), int64(len(steps)))-1]
}

// giveUpAfter ends the tries: a business mail later than that is no longer what
// was confirmed. RFC 5321 §4.5.4.1 lets up to 4–5 days pass.
const giveUpAfter = 48 * time.Hour
