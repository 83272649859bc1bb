// Command coverage writes docs/coverage.md, the table of which test proves which
// requirement, from the names of the tests: TestC28_SM09_VoidIsListed proves
// C-28 and SM-09. A claim in README*.md or docs/*.md is a line
//
//   - ✔ issued invoices cannot be changed [C-28, SM-09]
//
// and with -check the command fails if a claimed requirement has no test, or if
// the table is not the one it would write.
package main

import (
	"flag"
	"fmt"
	"os"
)

const table = "docs/coverage.md"

func main() {
	check := flag.Bool("check", false, "write nothing; exit 1 if the table is stale or a claim has no test")
	flag.Parse()
	if err := run(*check); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(check bool) error {
	tree := os.DirFS(".")
	tests, err := scan(tree)
	if err != nil {
		return fmt.Errorf("reading the tests: %w", err)
	}
	want := render(tests)
	if !check {
		return os.WriteFile(table, want, 0o644)
	}
	claims, err := claimed(tree)
	if err != nil {
		return fmt.Errorf("reading the claims: %w", err)
	}
	have, err := os.ReadFile(table)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	return verdict(tests, claims, string(have) == string(want))
}
