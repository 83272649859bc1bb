package vault

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/BurntSushi/toml"

	"sekisho/internal/kernel/fault"
)

func TestPasswords(t *testing.T) {
	r := newTestRing(t)
	p := r.Passwords(cheap, 2)
	h, err := p.Hash(t.Context(), NewSecret("正しい馬の電池"))
	check(t, err)
	if !strings.HasPrefix(h, "$argon2id$v=19$m=64,t=1,p=1$") {
		t.Errorf("not a PHC string: %s", h)
	}
	if h2, _ := p.Hash(t.Context(), NewSecret("正しい馬の電池")); h2 == h {
		t.Error("two hashes of one password are equal: no salt")
	}
	other := mustOpenOther(t)
	for _, c := range []struct {
		name           string
		by             *Passwords
		stored, typed  string
		ok, wantRehash bool
	}{
		{"right", p, h, "正しい馬の電池", true, false},
		{"wrong", p, h, "正しい馬の電地", false, false},
		{"empty", p, h, "", false, false},
		{"nobody", p, "", "正しい馬の電池", false, false},
		{"nobody, empty", p, "", "", false, false},
		{"new costs", r.Passwords(Params{128, 1, 1}, 1), h, "正しい馬の電池", true, true},
		{"another pepper", other.Passwords(cheap, 1), h, "正しい馬の電池", false, false},
	} {
		ok, rehash, err := c.by.Verify(t.Context(), c.stored, NewSecret(c.typed))
		if ok != c.ok || rehash != c.wantRehash || err != nil {
			t.Errorf("%s: ok %v rehash %v err %v", c.name, ok, rehash, err)
		}
	}
	for _, bad := range []string{"x", h + "x", strings.Replace(h, "m=64", "m=4194304", 1), strings.Replace(h, "t=1", "t=0", 1),
		strings.Replace(h, "p=1", "p=99", 1), strings.Replace(h, "argon2id", "argon2i", 1), strings.Replace(h, "m=64", "m=064", 1)} {
		ok, _, err := p.Verify(t.Context(), bad, NewSecret("正しい馬の電池"))
		if ok {
			t.Errorf("%s is accepted", bad)
		}
		wantFault(t, err, fault.KindFailed, "fault.failed")
	}
}

func mustOpenOther(t *testing.T) *Ring {
	t.Helper()
	dir := t.TempDir() + "/k"
	check(t, Create(dir, origin, madeAt, systemRandom{}))
	return mustOpen(t, dir)
}

func TestPasswordFloor(t *testing.T) {
	if f := PasswordFloor(); f.MemoryKiB < 19456 || f.Passes < 2 || f.Threads != 1 {
		t.Errorf("floor is %+v", f)
	}
	p := newTestRing(t).Passwords(PasswordFloor(), 1)
	h, err := p.Hash(t.Context(), NewSecret("x"))
	check(t, err)
	if ok, rehash, err := p.Verify(t.Context(), h, NewSecret("x")); !ok || rehash || err != nil {
		t.Errorf("%v %v %v", ok, rehash, err)
	}
}

// TestPasswordsQueue: what runs and waits is bounded; who is beyond is told so
// at once, and a place becomes free again.
func TestPasswordsQueue(t *testing.T) {
	p := newTestRing(t).Passwords(cheap, 2)
	p.slots <- struct{}{} // both cores are taken
	p.slots <- struct{}{}
	p.places <- struct{}{}
	p.places <- struct{}{}
	ctx, cancel := context.WithCancel(t.Context())
	waiting := make(chan error)
	for range queueLength {
		go func() { _, err := p.Hash(ctx, NewSecret("x")); waiting <- err }()
	}
	for len(p.places) < queueLength+2 {
		time.Sleep(time.Millisecond)
	}
	_, err := p.Hash(ctx, NewSecret("x"))
	wantFault(t, err, fault.KindLimited, "vault.busy")
	cancel()
	for range queueLength {
		wantFault(t, <-waiting, fault.KindUnavailable, "vault.gave_up")
	}
	<-p.slots
	<-p.places
	if _, err := p.Hash(t.Context(), NewSecret("x")); err != nil {
		t.Errorf("after the rush: %v", err)
	}
}

func FuzzPHC(f *testing.F) {
	f.Add("$argon2id$v=19$m=64,t=1,p=1$" + goldenPHC)
	f.Add("$argon2id$v=19$m=19456,t=2,p=1$$")
	f.Fuzz(func(t *testing.T, s string) {
		h, err := parsePHC(s)
		if err == nil && (h.String() != s || h.MemoryKiB > maxMemoryKiB || h.Passes == 0 || h.Threads == 0) {
			t.Fatalf("%q is read as %+v", s, h)
		}
	})
}

// TestTOTPVectors takes the SHA-1 rows of RFC 6238 appendix B, cut to six digits.
func TestTOTPVectors(t *testing.T) {
	secret := NewSecret("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ") // "12345678901234567890"
	for at, want := range map[int64]string{
		59: "287082", 1111111109: "081804", 1111111111: "050471",
		1234567890: "005924", 2000000000: "279037", 20000000000: "353130",
	} {
		now := time.Unix(at, 0)
		if got, err := TOTPCode(secret, now); err != nil || got != want {
			t.Errorf("at %d: %s, %v, want %s", at, got, err, want)
		}
		if step, ok := ValidateTOTP(secret, want, now, 0); !ok || step != at/30 {
			t.Errorf("at %d: step %d, %v", at, step, ok)
		}
	}
}

func TestTOTPStepsAndReplay(t *testing.T) {
	secret := NewTOTPSecret()
	now := time.Unix(1_800_000_015, 0)
	at := now.Unix() / 30
	code := func(step int64) string {
		c, err := TOTPCode(secret, time.Unix(step*30, 0))
		check(t, err)
		return c
	}
	for _, c := range []struct {
		name     string
		step     int64
		lastStep int64
		ok       bool
	}{
		{"now", at, 0, true},
		{"one early", at - 1, 0, true},
		{"one late", at + 1, 0, true},
		{"two early", at - 2, 0, false},
		{"two late", at + 2, 0, false},
		{"replayed", at, at, false},
		{"older than the last", at - 1, at, false},
		{"newer than the last", at + 1, at, true},
	} {
		step, ok := ValidateTOTP(secret, code(c.step), now, c.lastStep)
		if ok != c.ok || ok && step != c.step {
			t.Errorf("%s: step %d ok %v", c.name, step, ok)
		}
	}
	for _, bad := range []string{"", "12345", "1234567", "abcdef", code(at) + "0"} {
		if _, ok := ValidateTOTP(secret, bad, now, 0); ok {
			t.Errorf("%q is accepted", bad)
		}
	}
	ofNothing, err := TOTPCode(Secret{}, now)
	check(t, err)
	for _, s := range []Secret{{}, NewSecret("not base32 !")} {
		if _, ok := ValidateTOTP(s, ofNothing, now, 0); ok {
			t.Error("a missing or malformed secret validates")
		}
	}
	_, err = TOTPCode(NewSecret("not base32 !"), now)
	if err == nil || strings.Contains(err.Error(), "base32 !") {
		t.Errorf("the error is %v", err)
	}
	if NewTOTPSecret().Equal(secret) || len(secret.Reveal()) != 32 {
		t.Error("secrets repeat or are not 160 bits")
	}
}

func TestTOTPURL(t *testing.T) {
	secret := NewSecret("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")
	u, err := TOTPURL(secret, "関所", "yamada@example.jp")
	check(t, err)
	for _, want := range []string{"otpauth://totp/%E9%96%A2%E6%89%80:yamada@example.jp", "secret=" + secret.Reveal(), "digits=6", "period=30", "algorithm=SHA1"} {
		if !strings.Contains(u.Reveal(), want) {
			t.Errorf("%s lacks %s", u.Reveal(), want)
		}
	}
}

// TestEd25519Vector takes test 2 of RFC 8032 §7.1.
func TestEd25519Vector(t *testing.T) {
	seed, _ := hex.DecodeString("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
	public, _ := hex.DecodeString("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
	sig, err := SignEd25519(NewSecret(base64.StdEncoding.EncodeToString(seed)), []byte{0x72})
	check(t, err)
	if got := hex.EncodeToString(sig[:8]); got != "92a009a9f0d4cab8" {
		t.Errorf("signature begins with %s", got)
	}
	if !VerifyEd25519(public, []byte{0x72}, sig) {
		t.Error("the vector does not verify")
	}
	for what, ok := range map[string]bool{
		"message":   VerifyEd25519(public, []byte{0x73}, sig),
		"signature": VerifyEd25519(public, []byte{0x72}, flip(sig, 3)),
		"short sig": VerifyEd25519(public, []byte{0x72}, sig[:63]),
		"short key": VerifyEd25519(public[:31], []byte{0x72}, sig),
		"no key":    VerifyEd25519(nil, []byte{0x72}, sig),
	} {
		if ok {
			t.Errorf("with another %s it verifies", what)
		}
	}
}

func TestClientKey(t *testing.T) {
	public, private := NewClientKey()
	sig, err := SignEd25519(private, []byte("m"))
	check(t, err)
	if len(public) != ed25519.PublicKeySize || len(private.Reveal()) != 44 || !VerifyEd25519(public, []byte("m"), sig) {
		t.Error("the pair does not fit")
	}
	_, err = SignEd25519(NewSecret("AAAA"), nil)
	wantFault(t, err, fault.KindInvalid, "vault.client_key")
}

func TestTokens(t *testing.T) {
	a, b := NewToken(), NewToken()
	if a == b || len(a) != 43 || len(HashToken([]byte(a))) != 32 || Equal(HashToken([]byte(a)), HashToken([]byte(b))) {
		t.Errorf("%s %s", a, b)
	}
	if len(Random(7)) != 7 || Equal(Random(16), Random(16)) {
		t.Error("random values repeat")
	}
	if Equal([]byte("a"), []byte("ab")) || Equal([]byte("a"), []byte("b")) || !Equal([]byte("a"), []byte("a")) {
		t.Error("Equal is wrong")
	}
}

func TestSecretMasks(t *testing.T) {
	const hidden = "hunter2-ひみつ"
	type inner struct {
		Open   Secret
		hidden Secret
	}
	v := inner{NewSecret(hidden), NewSecret(hidden)}
	js, err := json.Marshal(map[string]any{"v": v, "p": &v.Open, "k": map[string]Secret{"x": v.hidden}})
	check(t, err)
	var tm strings.Builder
	check(t, toml.NewEncoder(&tm).Encode(struct{ Password Secret }{v.Open}))
	var logged strings.Builder
	for _, h := range []slog.Handler{slog.NewTextHandler(&logged, nil), slog.NewJSONHandler(&logged, nil)} {
		slog.New(h).Info("x", "secret", v.Open, "struct", v, "pointer", &v)
	}
	shown := []string{
		string(js), tm.String(), logged.String(), v.Open.String(),
		fmt.Sprintf("%v %+v %#v %s %q %x %d", v, v, v, v.Open, v.Open, v.Open, v.Open),
		fmt.Sprintf("%v %+v %#v %s", &v, &v, []Secret{v.hidden}, fmt.Errorf("no: %v", v)),
	}
	for _, s := range shown {
		if strings.Contains(s, "hunter2") || strings.Contains(s, hex.EncodeToString([]byte("hunter2"))) {
			t.Errorf("seen in %s", s)
		}
	}
	var in struct{ Password Secret }
	check(t, json.Unmarshal([]byte(`{"Password":"hunter2-ひみつ"}`), &in))
	if in.Password.Reveal() != hidden || !in.Password.Equal(v.Open) || in.Password.Equal(Secret{}) {
		t.Error("a secret does not come in")
	}
	_, err = toml.Decode(`Password = "hunter2-ひみつ"`, &in)
	check(t, err)
	if in.Password.Reveal() != hidden || in.Password.Empty() || !(Secret{}).Empty() {
		t.Error("a secret does not come in from TOML")
	}
}
