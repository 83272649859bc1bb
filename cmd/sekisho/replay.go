package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"text/tabwriter"

	"sekisho/internal/app/replay"
	"sekisho/internal/kernel/text"
)

type replayCmd struct {
	Dir      string `arg:"" help:"EML、mbox、PDF のあるフォルダ / Folder of EML, mbox and PDF files." type:"existingdir"`
	Partners string `help:"取引先の一覧（CSV） / The register of partners as CSV." required:"" type:"existingfile" placeholder:"FILE"`
}

// Run prints the near-misses of the past, by cause.
func (c replayCmd) Run(e *env) error {
	b, err := os.ReadFile(c.Partners)
	if err != nil {
		return err
	}
	register, n, err := replay.Partners(b)
	if err != nil {
		return err
	}
	out, err := replay.Folder(context.Background(), register, c.Dir)
	if err != nil {
		return err
	}
	e.say("replay.looked", "mails", out.Mails, "papers", out.Papers, "partners", n)
	by := map[string][]replay.Near{}
	var causes []string
	for _, x := range out.Near {
		if by[x.Cause] == nil {
			causes = append(causes, x.Cause)
		}
		by[x.Cause] = append(by[x.Cause], x)
	}
	slices.SortFunc(causes, func(a, b string) int { return len(by[b]) - len(by[a]) })
	w := tabwriter.NewWriter(e.out, 0, 4, 2, ' ', 0)
	for _, k := range causes {
		fmt.Fprintf(w, "\n%s\t%s\n", text.T(e.lang, k), text.T(e.lang, "replay.count", "n", len(by[k])))
		for _, x := range by[k] {
			fmt.Fprintf(w, "  %s\t%s\n", x.File, x.Shown)
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if len(causes) == 0 {
		e.say("replay.none")
	}
	for i, f := range out.Broken {
		if i == 0 {
			fmt.Fprintln(e.out)
			e.say("replay.broken", "n", len(out.Broken))
		}
		fmt.Fprintln(e.out, "  "+f)
	}
	return nil
}
