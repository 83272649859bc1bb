package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The roots of the test vectors that implementations of RFC 6962 share.
func TestRootsOfRFC6962(t *testing.T) {
	leaves := []string{"", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"}
	roots := []string{
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
		"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
		"aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
		"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
		"4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
		"76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
		"ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
		"5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
	}
	var tr tree
	for i, want := range roots {
		if got := tr.root(); hex.EncodeToString(got[:]) != want {
			t.Errorf("root of %d leaves: %x", i, got)
		}
		if i < len(leaves) {
			b, _ := hex.DecodeString(leaves[i])
			tr.add(b)
		}
	}
}

const (
	neumannKey  = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
	neumannText = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
	neumannSig  = "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
)

// The example of the signed-note specification.
func TestSignedNoteOfTheSpecification(t *testing.T) {
	k, err := parseKey(neumannKey)
	if err != nil {
		t.Fatal(err)
	}
	if ours, err := k.signature(neumannSig, neumannText); !ours || err != nil {
		t.Error(ours, err)
	}
	if ours, err := k.signature(neumannSig, neumannText+"x\n"); ours || !errors.Is(err, flaw("note_signature")) {
		t.Error(ours, err)
	}
	for in, want := range map[string]flaw{
		"": "key_form", "a+b": "key_form", "a b" + neumannKey[12:]: "key_form", neumannKey + "A": "key_form", neumannKey + "\n": "key_form",
		strings.Replace(neumannKey, "c74f", "c74e", 1): "key_hash", strings.Replace(neumannKey, "Peter", "peter", 1): "key_hash",
		strings.Replace(neumannKey, "+AR", "+BR", 1): "key_form", strings.Replace(neumannKey, "c74f", "C74F", 1): "key_hash",
	} {
		if _, err := parseKey(in); !errors.Is(err, want) {
			t.Errorf("%q: %v", in, err)
		}
	}
}

// pair is a fixed key with a signer beside it.
func pair(seed byte) (key, func(text string) string) {
	private := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
	raw := append([]byte{typeEd25519}, private.Public().(ed25519.PublicKey)...)
	sum := sha256.Sum256(append([]byte("log.example\n"), raw...))
	k, err := parseKey("log.example+" + hex.EncodeToString(sum[:4]) + "+" + base64.StdEncoding.EncodeToString(raw))
	if err != nil {
		panic(err)
	}
	return k, func(text string) string {
		return "— log.example " + base64.StdEncoding.EncodeToString(append(sum[:4:4], ed25519.Sign(private, []byte(text))...)) + "\n"
	}
}

var zero = base64.StdEncoding.EncodeToString(make([]byte, sha256.Size))

func TestCheckpoints(t *testing.T) {
	k, sign := pair(1)
	_, other := pair(2)
	good := "log.example\n12\n" + zero + "\n"
	note := func(text string) string { return text + "\n" + sign(text) }
	for name, c := range map[string]struct {
		note string
		want flaw
	}{
		"good":                       {note(good), ""},
		"a witness too":              {good + "\n" + other(good) + neumannSig + "\n" + sign(good), ""},
		"an extension":               {note(good + "more\n"), ""},
		"another key":                {good + "\n" + other(good), "note_unsigned"},
		"the signature of another":   {good + "\n" + sign(strings.Replace(good, "12", "13", 1)), "note_signature"},
		"one good, one bad":          {note(good) + sign("x\n"), "note_signature"},
		"no signature":               {good + "\n", "note_form"},
		"no blank line":              {good + sign(good), "note_form"},
		"no last newline":            {strings.TrimSuffix(note(good), "\n"), "note_form"},
		"another origin":             {note("log.examples\n12\n" + zero + "\n"), "note_origin"},
		"a leading zero":             {note("log.example\n012\n" + zero + "\n"), "note_form"},
		"a sign":                     {note("log.example\n+12\n" + zero + "\n"), "note_form"},
		"a negative size":            {note("log.example\n-1\n" + zero + "\n"), "note_form"},
		"a size over 63 bits":        {note("log.example\n9223372036854775808\n" + zero + "\n"), "note_form"},
		"a short root":               {note("log.example\n12\nAAAA\n"), "note_form"},
		"an empty extension":         {note(good + "\nmore\n"), "note_form"},
		"too few lines":              {note("log.example\n12\n"), "note_form"},
		"a control character":        {note(good + "\r\n"), "note_form"},
		"no UTF-8":                   {note(good + "\xff\n"), "note_form"},
		"a hyphen for the dash":      {strings.Replace(note(good), "—", "-", 1), "note_form"},
		"a signature without bytes":  {good + "\n— log.example AAAA\n", "note_form"},
		"base64 with loose last bit": {note(strings.Replace(good, "AAA=\n", "AAB=\n", 1)), "note_form"},
	} {
		got, err := k.open([]byte(c.note))
		if c.want == "" && (err != nil || got.size != 12) || c.want != "" && !errors.Is(err, c.want) {
			t.Errorf("%s: %v %v", name, got, err)
		}
	}
}

const minimal = `{"at":1,"id":"r","op":"a.b","outcome":"ok","v":1,"via":"session"`

func TestRecordsAreReadStrictly(t *testing.T) {
	for body, want := range map[string]flaw{
		minimal + `}`: "",
		minimal + `,"seen":[{"t":"card","n":0}]}`:            "",
		minimal + `,"op":"c.d"}`:                             "body_form", // twice
		minimal + `,"OP":"c.d"}`:                             "body_member",
		minimal + `,"new":1}`:                                "body_member",
		minimal + `,"person":null}`:                          "body_form",
		minimal + `,"written":1.5}`:                          "body_form",
		minimal + `,"demo":"yes"}`:                           "body_form",
		minimal + `}{}`:                                      "body_form",
		minimal:                                              "body_form",
		minimal + `,"seen":[{"t":"card"}]}`:                  "body_member",
		minimal + `,"seen":[{"t":"card","n":0,"n":1}]}`:      "body_form",
		minimal + `,"seen":[{"t":"card","n":0,"SHA":""}]}`:   "body_member",
		minimal + `,"seen":{}}`:                              "body_form",
		strings.Replace(minimal, `"v":1`, `"v":2`, 1) + `}`:  "body_version",
		strings.Replace(minimal, `"at":1,`, ``, 1) + `}`:     "body_member",
		strings.Replace(minimal, `"r"`, "\"\xff\"", 1) + `}`: "body_form",
		`[]`: "body_form", `1`: "body_form", `{}`: "body_member", ``: "body_form",
	} {
		if _, err := parseRecord([]byte(body)); want == "" && err != nil || want != "" && !errors.Is(err, want) {
			t.Errorf("%s: %v, not %s", body, err, want)
		}
	}
}

func mark(table, id string, version int64, mac []byte) []byte {
	var b []byte
	for _, s := range []string{table, id} {
		b = append(binary.AppendUvarint(b, uint64(len(s))), s...)
	}
	b = binary.AppendVarint(b, version)
	return append(binary.AppendUvarint(b, uint64(len(mac))), mac...)
}

func TestMarks(t *testing.T) {
	mac := bytes.Repeat([]byte{7}, macSize)
	one, gone := mark("card", "a", 1, mac), mark("card", "b", -1, nil)
	var tr tree
	tr.add(one)
	tr.add(gone)
	root := tr.root()
	both := base64.RawStdEncoding.EncodeToString(root[:])
	ids := bytes.Repeat([]byte{9}, 3*idSize)
	for name, c := range map[string]struct {
		r    record
		b    []byte
		want flaw
	}{
		"two rows":                  {record{Written: 2, Marks: both}, append(one[:len(one):len(one)], gone...), ""},
		"another order":             {record{Written: 2, Marks: both}, append(gone[:len(gone):len(gone)], one...), "marks_altered"},
		"one less":                  {record{Written: 2, Marks: both}, one, "marks_altered"},
		"another number":            {record{Written: 1, Marks: both}, append(one[:len(one):len(one)], gone...), "marks_altered"},
		"none":                      {record{Written: 2, Marks: both}, nil, "marks_altered"},
		"a number without a root":   {record{Written: 2}, nil, "marks_altered"},
		"a root without a number":   {record{Marks: both}, nil, "marks_altered"},
		"cut":                       {record{Written: 2, Marks: both}, one[:len(one)-1], "marks_form"},
		"a short MAC":               {record{Written: 1, Marks: both}, mark("card", "a", 1, mac[1:]), "marks_form"},
		"no MAC":                    {record{Written: 1, Marks: both}, mark("card", "a", 1, nil), "marks_form"},
		"deleted with a MAC":        {record{Written: 1, Marks: both}, mark("card", "a", -1, mac), "marks_form"},
		"a version below -1":        {record{Written: 1, Marks: both}, mark("card", "a", -2, mac), "marks_form"},
		"a length not its shortest": {record{Written: 1, Marks: both}, append([]byte{0x84, 0}, one[1:]...), "marks_form"},
		"nothing of nothing":        {record{}, nil, ""},
		"something of nothing":      {record{}, one, "marks_extra"},
		"ids":                       {record{Seen: []seen{{Count: 3, SHA: digest(ids)}}}, ids, ""},
		"ids cut":                   {record{Seen: []seen{{Count: 3, SHA: digest(ids)}}}, ids[1:], "seen_altered"},
		"ids too many":              {record{Seen: []seen{{Count: 2, SHA: digest(ids[16:])}}}, ids, "marks_extra"},
		"a count out of reach":      {record{Seen: []seen{{Count: 1 << 62, SHA: digest(ids)}}}, ids, "seen_altered"},
		"ids inside":                {record{Seen: []seen{{Count: 3, IDs: base64.RawStdEncoding.EncodeToString(ids)}}}, nil, ""},
		"ids inside, a line end":    {record{Seen: []seen{{Count: 3, IDs: base64.RawStdEncoding.EncodeToString(ids) + "\n"}}}, nil, "seen_form"},
		"ids inside, miscounted":    {record{Seen: []seen{{Count: 2, IDs: base64.RawStdEncoding.EncodeToString(ids)}}}, nil, "seen_form"},
	} {
		if _, got := c.r.marksFlaw(c.b); got != c.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func fieldsOf(t testing.TB, b []byte) *fields {
	p := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(p, b, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := openFields(p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.close)
	return f
}

func TestFields(t *testing.T) {
	for _, c := range []struct {
		in   string
		n    int
		want error
	}{
		{"", 0, io.EOF}, {"\x00", 1, io.EOF}, {"\x01a\x02bc", 2, io.EOF}, {"\x02a", 0, flawCut}, {"\x80", 0, flawCut},
		{"\x81\x00a", 0, flawLength}, {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 0, flawCut},
		{"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 0, flawLength}, {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 0, flawLength},
	} {
		f, n := fieldsOf(t, []byte(c.in)), 0
		var err error
		for ; err == nil; n++ {
			_, err = f.next(nil)
		}
		if n-1 != c.n || !errors.Is(err, c.want) {
			t.Errorf("%q: %d fields, %v", c.in, n-1, err)
		}
	}
}

// Whatever is named as wrong has its sentence, in both languages with the same places.
func TestEveryFlawHasItsSentence(t *testing.T) {
	place := regexp.MustCompile(`\{[a-z]+\}`)
	for name, s := range sentences {
		l, r := place.FindAllString(s[ja], -1), place.FindAllString(s[en], -1)
		if s[ja] == "" || s[en] == "" || len(l) != len(r) {
			t.Errorf("%s: %q", name, s)
		}
	}
	named := regexp.MustCompile(`"((?:body|payload|marks|seen|note|key|file|vkey|no|leaf|leaves|usage|nothing|whole|at|first|witness|hashes|mailed)_[a-z_]+|root|differs|shorter)"`)
	found := 0
	for _, f := range []string{"main.go", "check.go", "against.go", "note.go", "record.go", "fields.go", "hashes.go", "month.go", "mailed.go"} {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range named.FindAllSubmatch(b, -1) {
			found++
			if _, ok := sentences[flaw(m[1])]; !ok {
				t.Errorf("%s names %s, which has no sentence", f, m[1])
			}
		}
	}
	if found < 40 {
		t.Error("only", found)
	}
}

func TestUse(t *testing.T) {
	none := func(string) string { return "" }
	empty := t.TempDir()
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"--help"}, exitWhole, "使い方"}, {[]string{"-h", "--lang", "en"}, exitWhole, "Usage"},
		{nil, exitUnread, "フォルダがありません"}, {[]string{"--what"}, exitUnread, "-what"}, {[]string{"a", "b"}, exitUnread, "「b」"},
		{[]string{empty}, exitUnread, "検証鍵がない"}, {[]string{"--key", "a", "--key-file", "b", empty}, exitUnread, "2つ"},
		{[]string{empty, "--key", neumannKey, "--note", "x", "--against", empty}, exitUnread, "一緒に使えません"},
		{[]string{empty, "--key", neumannKey, "--note", filepath.Join(empty, "none")}, exitUnread, "none"},
		{[]string{"--key-file", filepath.Join(empty, "none"), empty}, exitUnread, "none"},
		{[]string{empty, "--key", "a+b+c"}, exitUnread, "形が違います"}, {[]string{empty + "/none", "--key", neumannKey}, exitUnread, "none"},
		{[]string{empty, "--key", neumannKey, "--lang=en"}, exitDamaged, "no file leaves"},
	} {
		var out, errOut bytes.Buffer
		if code := run(c.args, none, &out, &errOut); code != c.code || !strings.Contains(out.String()+errOut.String(), c.want) {
			t.Errorf("%q: %d %s%s", c.args, code, &out, &errOut)
		}
	}
}

// A mailed checkpoint is read as mail programs save it.
func TestMailedCheckpoints(t *testing.T) {
	k, sign := pair(1)
	text := "log.example\n12\n" + zero + "\n"
	good := text + "\n" + sign(text)
	for in, want := range map[string]flaw{good: "", strings.ReplaceAll(good, "\n", "\r\n"): "", good + "\n----\n\nwords\n": "", good + "\r\n\r\n": "",
		"": "note_form", "words\n\n" + good: "note_signature", strings.Replace(good, "12", "13", 1): "note_signature", text + "\n": "note_form", neumannText + "\n" + neumannSig + "\n": "note_unsigned"} {
		c, err := k.mailedText([]byte(in))
		if want == "" && (err != nil || c.size != 12) || want != "" && !errors.Is(err, want) {
			t.Errorf("%q: %v", in, err)
		}
	}
	for _, c := range []struct {
		leaves int64
		at     hash
		want   flaw
	}{{12, hash{}, ""}, {20, hash{}, ""}, {11, hash{}, "mailed_shorter"}, {12, hash{1}, "mailed_differs"}} {
		r := report{leaves: c.leaves, rootAt: c.at}
		r.holds(checkpoint{size: 12})
		if len(r.damages) == 0 != (c.want == "") || c.want != "" && r.damages[0].what != c.want {
			t.Errorf("%+v: %+v", c, r.damages)
		}
	}
}

func FuzzFields(f *testing.F) {
	f.Add([]byte("\x01a\x02bc\x00"))
	f.Add([]byte("\x81\x00a"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := fieldsOf(t, b)
		var again []byte
		for {
			v, err := r.next(nil)
			if err != nil {
				if errors.Is(err, io.EOF) != bytes.Equal(again, b) || !bytes.HasPrefix(b, again) {
					t.Fatal("read differently than written", err)
				}
				return
			}
			again = append(binary.AppendUvarint(again, uint64(len(v))), v...)
		}
	})
}

func FuzzNote(f *testing.F) {
	k, sign := pair(1)
	good := "log.example\n12\n" + zero + "\n"
	f.Add([]byte(good + "\n" + sign(good)))
	f.Add([]byte(good + "\n" + sign(good) + neumannSig + "\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, err := k.open(b); err == nil && (c.size != 12 || !bytes.HasPrefix(b, []byte(good+"\n"))) {
			t.Fatalf("never signed: %q", b)
		}
	})
}

func FuzzRecord(f *testing.F) {
	f.Add([]byte(minimal+`,"written":1,"marks":"x"}`), mark("card", "a", 1, make([]byte, macSize)))
	f.Add([]byte(minimal+`,"seen":[{"t":"card","n":1,"sha":"x"}]}`), make([]byte, idSize))
	f.Fuzz(func(t *testing.T, body, marks []byte) {
		r, err := parseRecord(body)
		if err != nil {
			return
		}
		if rows, f := r.marksFlaw(marks); f == "" && rows != r.Written {
			t.Fatal("rows that the record does not count", rows)
		}
		if f := r.payloadFlaw(marks); f == "" && len(marks) > 0 && r.Payload != digest(marks) {
			t.Fatal("a payload that the record does not name")
		}
	})
}
