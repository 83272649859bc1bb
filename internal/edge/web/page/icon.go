package page

import (
	"html/template"
	"sync"
)

// icons are strokes on a field of 24 × 24.
func icons() map[string]string {
	return map[string]string{
		"home": "M4 11l8-7 8 7v9h-5v-6H9v6H4z", "check": "M5 12l5 5L20 7", "invoice": "M6 3h12v18l-3-2-3 2-3-2-3 2zM9 8h6M9 12h6",
		"send": "M21 3L3 10l7 3 3 7zM10 13l11-10", "gap": "M4 6h16M4 12h6M14 12h6M4 18h16", "inbox": "M4 13l3-8h10l3 8v6H4zM4 13h5l1 3h4l1-3h5",
		"building": "M5 21V4h9v17M14 9h5v12M3 21h18M8 8h3M8 12h3M8 16h3", "upload": "M12 16V4M7 9l5-5 5 5M4 16v4h16v-4",
		"stop": "M8 3h8l5 5v8l-5 5H8l-5-5V8zM12 7v6M12 16.5v.5", "warn": "M12 4l9 16H3zM12 10v5M12 17.500v.5",
		"bell": "M6 17V11a6 6 0 0112 0v6zM4 17h16M10 20h4", "history": "M4 12a8 8 0 108-8 8 8 0 00-6 3L4 9M4 4v5h5M12 8v5l3 2",
		"shield": "M12 3l8 3v6c0 5-4 8-8 9-4-1-8-4-8-9V6z", "people": "M9 11a3.500 3.500 0 100-7 3.500 3.500 0 000 7zM3 20c0-4 3-6 6-6s6 2 6 6M16 5a3 3 0 010 6M17 14c3 0 4 2 4 6",
		"job":    "M12 3v4M12 17v4M3 12h4M17 12h4M6 6l2.500 2.500M15.500 15.500L18 18M18 6l-2.500 2.500M8.500 15.500L6 18",
		"gear":   "M12 15a3 3 0 100-6 3 3 0 000 6zM12 3v3M12 18v3M3 12h3M18 12h3M6 6l2 2M16 16l2 2M18 6l-2 2M8 16l-2 2",
		"search": "M11 18a7 7 0 100-14 7 7 0 000 14zM16 16l5 5", "plus": "M12 5v14M5 12h14", "lock": "M6 11h12v9H6zM8 11V8a4 4 0 018 0v3",
		"print": "M7 9V3h10v6M7 18H4v-8h16v8h-3M7 15h10v6H7z", "chev": "M9 6l6 6-6 6", "x": "M6 6l12 12M18 6L6 18", "file": "M6 3h8l4 4v14H6zM14 3v4h4",
		"clock": "M12 21a9 9 0 100-18 9 9 0 000 18zM12 7v5l3 2", "out": "M10 4H5v16h5M14 8l4 4-4 4M18 12H9", "menu": "M4 7h16M4 12h16M4 17h16",
		"up": "M12 19V5M6 11l6-6 6 6", "down": "M12 5v14M6 13l6 6 6-6", "mail": "M3 6h18v12H3zM3 7l9 7 9-7", "eye": "M2 12s4-7 10-7 10 7 10 7-4 7-10 7S2 12 2 12zM12 15a3 3 0 100-6 3 3 0 000 6z",
		"edit": "M4 20h4L19 9l-4-4L4 16zM13 7l4 4", "help": "M12 21a9 9 0 100-18 9 9 0 000 18zM9.500 9.500a2.500 2.500 0 114 2c-1 .7-1.500 1.200-1.500 2.500M12 17v.5",
		"flag": "M5 21V4h12l-2 4 2 4H5", "undo": "M9 7L4 12l5 5M4 12h10a6 6 0 010 12", "download": "M12 4v12M7 11l5 5 5-5M4 20h16",
	}
}

var iconMarkup = sync.OnceValue(func() map[string]template.HTML {
	out := map[string]template.HTML{}
	for name, d := range icons() {
		out[name] = template.HTML(`<svg class="i" viewBox="0 0 24 24" aria-hidden="true"><path d="` + d + `"/></svg>`)
	}
	return out
})

// icon is one of this package's own pictures; there is always a word beside it.
func icon(name string) template.HTML { return iconMarkup()[name] }
