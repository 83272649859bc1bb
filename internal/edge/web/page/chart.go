package page

import (
	"fmt"
	"html/template"
	"strings"
)

// Chart is drawn on the server: colours come from classes, so the strict
// style-src holds, dark mode works and a print is sharp. Beside it stands the
// same as a table.
type Chart struct {
	Kind  string // "bars": A beside B per point; "strip": the As as parts of a whole
	Title string
	Unit  string
	Names [2]string // what A and B are
	Rows  []Point
}

// Point is one column of a chart.
type Point struct {
	Label string
	A, B  int64
}

func (c Chart) svg() template.HTML {
	if c.Kind == "strip" {
		return c.strip()
	}
	return c.bars()
}

// words describe a chart to who does not see it.
func (c Chart) words() string {
	var b strings.Builder
	for i, p := range c.Rows {
		if i > 0 {
			b.WriteString("、")
		}
		fmt.Fprintf(&b, "%s %s%s", p.Label, Yen(p.A), c.Unit)
		if c.Names[1] != "" {
			fmt.Fprintf(&b, "(%s %s%s)", c.Names[1], Yen(p.B), c.Unit)
		}
	}
	return template.HTMLEscapeString(b.String())
}

const chartW, chartH, chartL, chartB, chartT = 720, 236, 56, 28, 14

func (c Chart) bars() template.HTML {
	var most int64 = 1
	for _, p := range c.Rows {
		most = max(most, p.A, p.B)
	}
	step := niceStep(most)
	top := (most/step + 1) * step
	y := func(v int64) float64 {
		return float64(chartH-chartB) - float64(v)/float64(top)*float64(chartH-chartB-chartT)
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="chart" viewBox="0 0 %d %d" role="img" aria-label="%s: %s">`, chartW, chartH, template.HTMLEscapeString(c.Title), c.words())
	for v := int64(0); v <= top; v += step {
		fmt.Fprintf(&b, `<line class="%s" x1="%d" x2="%d" y1="%.1f" y2="%.1f"/><text class="tick" x="%d" y="%.1f" text-anchor="end">%s</text>`,
			map[bool]string{true: "axis", false: "grid"}[v == 0], chartL, chartW, y(v), y(v), chartL-8, y(v)+4, Yen(v))
	}
	wide := float64(chartW-chartL) / float64(max(len(c.Rows), 1))
	for i, p := range c.Rows {
		x := float64(chartL) + wide*float64(i)
		now := map[bool]string{true: " now", false: ""}[i == len(c.Rows)-1]
		fmt.Fprintf(&b, `<g class="col"><title>%s %s%s</title>`, template.HTMLEscapeString(p.Label), Yen(p.A), template.HTMLEscapeString(c.Unit))
		if c.Names[1] != "" {
			bar(&b, "bar last", x+wide*.18, wide*.26, y(p.B), p.B)
		}
		bar(&b, "bar"+now, x+wide*.48, wide*.34, y(p.A), p.A)
		fmt.Fprintf(&b, `<text class="tick%s" x="%.1f" y="%d" text-anchor="middle">%s</text></g>`, now, x+wide/2, chartH-8, template.HTMLEscapeString(p.Label))
	}
	b.WriteString(`</svg>`)
	return template.HTML(b.String())
}

func bar(b *strings.Builder, class string, x, w, y float64, v int64) {
	if v > 0 {
		fmt.Fprintf(b, `<path class="%s" d="M%.1f %dV%.1fh%.1fV%dz"/>`, class, x, chartH-chartB, min(y, chartH-chartB-1), w, chartH-chartB)
	}
}

// niceStep is 1, 2 or 5 times a power of ten, so that there are at most five lines.
func niceStep(most int64) int64 {
	for s := int64(1); ; s *= 10 {
		for _, k := range []int64{1, 2, 5} {
			if most/(s*k) <= 4 {
				return s * k
			}
		}
	}
}

func (c Chart) strip() template.HTML {
	var sum int64
	for _, p := range c.Rows {
		sum += max(p.A, 0)
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="stack" viewBox="0 0 1000 24" preserveAspectRatio="none" role="img" aria-label="%s: %s">`, template.HTMLEscapeString(c.Title), c.words())
	x := 0.0
	for i, p := range c.Rows {
		if sum == 0 || p.A <= 0 {
			continue
		}
		w := float64(p.A) / float64(sum) * 1000
		fmt.Fprintf(&b, `<rect class="s%d" x="%.1f" y="0" width="%.1f" height="24"/>`, i+1, x, max(w-3, 1))
		x += w
	}
	b.WriteString(`</svg>`)
	return template.HTML(b.String())
}
