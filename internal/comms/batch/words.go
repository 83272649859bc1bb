package batch

import "sekisho/internal/kernel/text"

// said is a sentence in both languages, as a request keeps it.
type said struct {
	Ja string `json:"ja"`
	En string `json:"en"`
}

func sentence(key string, args ...any) said {
	return said{text.T(text.JA, key, args...), text.T(text.EN, key, args...)}
}

// why says why a package does not go.
func (i Item) why() said {
	for _, f := range i.Findings {
		if f.Key == i.Reason {
			return sentence(f.Key, "shown", f.Shown, "registered", f.Registered)
		}
	}
	return sentence(i.Reason)
}
