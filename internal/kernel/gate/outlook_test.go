package gate

// Outlook tells what the gate foresees of an op: how many rows it asks for
// together, and whether one question is enough for it.
func Outlook(g *Gate, op string) (guesses int, once bool) {
	o := g.foresight.of(op)
	return len(o.guesses), o.calm >= calmFrom
}
