// Package internal holds the executable drawing of ARCHITECTURE.md.
package internal

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The tiers, lowest first: a file imports only its own tier and those before.
var tiers = []string{"kernel", "base", "comms", "trade", "assure", "app", "edge"}

// Arrows allowed inside a tier: package → those it may import. Kernel packages
// are checked the same way.
var arrows = map[string][]string{
	"kernel/audit":                    {},
	"kernel/blob":                     {"kernel/fault", "kernel/machine", "kernel/vault"},
	"kernel/civil":                    {"kernel/fault"},
	"kernel/extract":                  {"kernel/fault"},
	"kernel/fault":                    {},
	"kernel/feed":                     {"kernel/gate"},
	"kernel/gate":                     {"kernel/audit", "kernel/blob", "kernel/fault", "kernel/gate/internal/db", "kernel/jp", "kernel/machine", "kernel/policy", "kernel/vault", "kernel/witness"},
	"kernel/gate/internal/db":         {},
	"kernel/gatetest":                 {"kernel/blob", "kernel/gate", "kernel/gatetest/pgtest", "kernel/policy", "kernel/vault"},
	"kernel/gatetest/pgtest":          {},
	"kernel/jobs":                     {"kernel/fault", "kernel/gate", "kernel/policy"},
	"kernel/jp":                       {"kernel/civil", "kernel/fault"},
	"kernel/mailaddr":                 {"kernel/fault"},
	"kernel/money":                    {"kernel/civil", "kernel/fault"},
	"kernel/pdf":                      {"kernel/fault"},
	"kernel/policy":                   {"kernel/civil"},
	"kernel/text":                     {"kernel/fault"},
	"kernel/machine":                  {},
	"kernel/vault":                    {"kernel/fault", "kernel/machine"},
	"kernel/witness":                  {"kernel/audit", "kernel/fault", "kernel/machine"},
	"base/identity":                   {},
	"base/org":                        {},
	"base/document":                   {"base/org"},
	"base/approval":                   {"base/identity"},
	"base/party":                      {"base/approval", "base/org"},
	"comms/dispatch":                  {"comms/dispatch/internal/smtp", "comms/dispatch/internal/mime", "comms/dispatch/internal/postlog", "comms/dispatch/internal/dsn", "comms/dispatch/internal/lmtp", "comms/mailsign"},
	"comms/share":                     {"comms/dispatch"},
	"comms/batch":                     {"comms/dispatch"},
	"comms/optin":                     {"comms/dispatch"},
	"comms/intro":                     {"comms/dispatch", "comms/paper"},
	"comms/trap":                      {},
	"comms/paper":                     {"comms/dispatch"},
	"trade/invoice":                   {"trade/invoice/sheet"},
	"trade/invoice/sheet":             {},
	"trade/intake":                    {"trade/invoice"},
	"comms/dispatch/internal/smtp":    {"comms/dispatch/internal/mime", "comms/oauth"},
	"trade/bundle":                    {"trade/intake"},
	"comms/dispatch/internal/mime":    {},
	"comms/oauth":                     {},
	"comms/maildns":                   {},
	"comms/mailsign":                  {},
	"comms/imap":                      {"comms/oauth"},
	"comms/dispatch/internal/postlog": {},
	"comms/dispatch/internal/dsn":     {},
	"comms/dispatch/internal/lmtp":    {},
	"assure/incident":                 {},
	"assure/evidence":                 {},
	"assure/drill":                    {},
	"assure/backup":                   {},
	"assure/watch":                    {},
	"assure/state":                    {},
}

// What may be imported only in the places named, as path prefixes.
var only = map[string][]string{
	"database/sql":                        {"kernel/gate"},
	"database/sql/driver":                 {"kernel/gate/internal/db"},
	"github.com/jackc/pgx/":               {"kernel/gate/internal/db", "kernel/gatetest/pgtest"},
	"github.com/ncruces/":                 {"kernel/gate/internal/db"},
	"github.com/emersion/go-smtp":         {"comms/dispatch/internal/smtp", "comms/dispatch/internal/lmtp", "comms/trap"},
	"net/smtp":                            {},
	"github.com/emersion/go-imap/":        {"comms/imap"},
	"golang.org/x/oauth2":                 {"comms/oauth"},
	"golang.org/x/oauth2/":                {"comms/oauth"},
	"filippo.io/age":                      {"assure/backup"},
	"os/exec":                             {},
	"crypto/aes":                          {"kernel/vault"},
	"crypto/cipher":                       {"kernel/vault"},
	"crypto/hmac":                         {"kernel/vault"},
	"crypto/ed25519":                      {"kernel/vault"},
	"crypto/hkdf":                         {"kernel/vault"},
	"crypto/rand":                         {"kernel/vault", "edge/api", "comms/trap"}, // the latter two make self-signed certificates
	"crypto/rsa":                          {"kernel/vault"},                           // DKIM: what every receiver can check
	"github.com/smallstep/":               {"comms/mailsign"},
	"software.sslmate.com/":               {"comms/mailsign"},
	"crypto/md5":                          {},
	"crypto/sha1":                         {"kernel/vault"}, // the encrypted ZIP that other programs open prescribes it
	"github.com/caddyserver/":             {"edge/acme"},    // goes out: to the certificate authority in the settings
	"github.com/mholt/":                   {"edge/acme"},
	"github.com/libdns/":                  {"edge/acme"},
	"github.com/miekg/":                   {"edge/acme"}, // goes out: signed updates to the name server in the settings
	"go.uber.org/":                        {"edge/acme"},
	"github.com/pdfcpu/":                  {"comms/paper", "comms/dispatch"},
	"golang.org/x/crypto/":                {"kernel/vault"},
	"github.com/cedar-policy/":            {"kernel/policy"},
	"sekisho/internal/comms/trap":         {"app"},
	"sekisho/internal/kernel/gatetest":    {"app/apptest"},
	"unsafe":                              {},
	"reflect":                             {"kernel/gate"},
	"github.com/letsencrypt/":             {"edge/acme/acmetest"}, // a certificate authority for tests
	"sekisho/internal/edge/acme/acmetest": {},
}

const (
	fileMax     = 500
	functionMax = 60
)

type goFile struct {
	path, pkg string // pkg: folder below internal/
	ast       *ast.File
	fset      *token.FileSet
	lines     int
}

func sources(t *testing.T) []goFile {
	t.Helper()
	var out []goFile
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(p, ".go") || strings.HasSuffix(p, "_test.go") {
			return err
		}
		b, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, p, b, parser.ParseComments)
		if err != nil {
			return err
		}
		p = filepath.ToSlash(p)
		out = append(out, goFile{p, path.Dir(p), f, fset, bytes.Count(b, []byte("\n"))})
		return nil
	})
	if err != nil || len(out) < 50 {
		t.Fatal("too few sources found", len(out), err)
	}
	return out
}

func imports(f goFile) []string {
	var out []string
	for _, i := range f.ast.Imports {
		p, _ := strconv.Unquote(i.Path.Value)
		out = append(out, p)
	}
	return out
}

func under(pkg string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return pkg == p || strings.HasPrefix(pkg, p+"/") })
}

func TestArrowsPointDown(t *testing.T) {
	rank := map[string]int{}
	for i, n := range tiers {
		rank[n] = i
	}
	for _, f := range sources(t) {
		tier, _, _ := strings.Cut(f.pkg, "/")
		for _, im := range imports(f) {
			to, ours := strings.CutPrefix(im, "sekisho/internal/")
			if !ours {
				continue
			}
			toTier, _, _ := strings.Cut(to, "/")
			switch {
			case rank[toTier] > rank[tier]:
				t.Errorf("%s imports %s, above it", f.path, to)
			case toTier == tier && to != f.pkg && tier != "app" && tier != "edge":
				allowed, known := arrows[f.pkg]
				if !known {
					t.Errorf("package %s is not in the table of arrows", f.pkg)
				} else if !slices.Contains(allowed, to) {
					t.Errorf("%s imports %s: not among its arrows", f.path, to)
				}
			}
		}
	}
}

func TestForbiddenImports(t *testing.T) {
	for _, f := range sources(t) {
		for _, im := range imports(f) {
			for what, where := range only {
				if (im == what || strings.HasSuffix(what, "/") && strings.HasPrefix(im, what)) && !under(f.pkg, where) {
					t.Errorf("%s imports %s, which belongs to %v only", f.path, im, where)
				}
			}
		}
	}
}

// OnBehalf and System make an actor out of nothing: only who runs for others may.
func TestOnlyJobsAndAppActForOthers(t *testing.T) {
	allowed := map[string][]string{
		"OnBehalf": {"kernel/jobs", "kernel/gate", "kernel/gatetest"},
		"System":   {"kernel/jobs", "kernel/gate", "app", "comms/dispatch"},
	}
	for _, f := range sources(t) {
		ast.Inspect(f.ast, func(n ast.Node) bool {
			s, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if id, ok := s.X.(*ast.Ident); ok && id.Name == "gate" {
				if where, known := allowed[s.Sel.Name]; known && !under(f.pkg, where) {
					t.Errorf("%s uses gate.%s", f.fset.Position(s.Pos()), s.Sel.Name)
				}
			}
			return true
		})
	}
}

// The clock is injected: rules never read the machine's.
func TestNobodyReadsTheClock(t *testing.T) {
	free := []string{"kernel/gate", "kernel/gatetest", "kernel/jobs", "kernel/feed", "kernel/extract", "comms/dispatch/internal/smtp", "comms/trap", "app", "edge"}
	for _, f := range sources(t) {
		if under(f.pkg, free) {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok {
				if id, ok := s.X.(*ast.Ident); ok && id.Name == "time" && s.Sel.Name == "Now" {
					t.Errorf("%s reads the machine's clock", f.fset.Position(s.Pos()))
				}
			}
			return true
		})
	}
}

// A longer file or function needs a comment in it that says why: "// long: …".
func TestSizes(t *testing.T) {
	for _, f := range sources(t) {
		why := false
		for _, g := range f.ast.Comments {
			why = why || strings.Contains(g.Text(), "long: ")
		}
		if f.lines > fileMax && !why {
			t.Errorf("%s has %d lines", f.path, f.lines)
		}
		for _, d := range f.ast.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || why {
				continue
			}
			n := f.fset.Position(fn.End()).Line - f.fset.Position(fn.Pos()).Line + 1
			if n > functionMax {
				t.Errorf("%s: %s has %d lines", f.fset.Position(fn.Pos()), fn.Name.Name, n)
			}
		}
	}
}

func TestNoInitAndNoUndocumentedExports(t *testing.T) {
	for _, f := range sources(t) {
		for _, d := range f.ast.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			if fn.Name.Name == "init" && fn.Recv == nil {
				t.Errorf("%s: init()", f.fset.Position(fn.Pos()))
			}
			if fn.Name.IsExported() && fn.Doc == nil && fn.Recv == nil {
				t.Errorf("%s: %s has no doc comment", f.fset.Position(fn.Pos()), fn.Name.Name)
			}
		}
	}
}

// The second implementation of the log's format shares nothing with the first.
func TestSecondVerifierStandsAlone(t *testing.T) {
	list, err := filepath.Glob("../cmd/sekisho-verify/*.go")
	if err != nil || len(list) < 5 {
		t.Fatal("too few sources found", list, err)
	}
	for _, p := range list {
		f, err := parser.ParseFile(token.NewFileSet(), p, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, im := range imports(goFile{ast: f}) {
			if first, _, _ := strings.Cut(im, "/"); first == "sekisho" || first == "C" || strings.Contains(first, ".") {
				t.Errorf("%s imports %s: only the standard library is allowed", p, im)
			}
		}
	}
}

// The project stands alone and names no place it was made in.
func TestSkipsAndPlaces(t *testing.T) {
	err := filepath.WalkDir("..", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			if d != nil && (d.Name() == ".git" || d.Name() == "bin" || d.Name() == "sekisho-demo") {
				return fs.SkipDir
			}
			return err
		}
		if !strings.HasSuffix(p, "_test.go") {
			return nil
		}
		b, err := os.ReadFile(p)
		for _, w := range []string{"t.Ski" + "p(", "t.Skip" + "f(", "t.Skip" + "Now("} {
			if bytes.Contains(b, []byte(w)) {
				t.Errorf("%s skips: a missing engine is a failure", p)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
