package gate

import "sekisho/internal/kernel/fault"

// Assignment lets a person reach what is narrowed by a subject (担当割当). It
// decides about access, so its rows are under MAC and log like all others.
type Assignment struct {
	Row
	Person  string `json:"person" col:"person" class:"internal,plain"`
	Subject string `json:"subject" col:"subject" class:"internal,plain"`
}

var assignments = NewTable[Assignment]("gate_assignment")

// Assign lets a person reach what is narrowed by subject; twice is once.
func Assign(x *Tx, person, subject string) error {
	if !x.fresh(subject) { // nobody is assigned to what was made a moment ago
		has, err := assignments.Has(x, Eq("person", person), Eq("subject", subject))
		if err != nil || has {
			return err
		}
	}
	return assignments.Insert(x, &Assignment{Person: person, Subject: subject})
}

// Unassign takes it back.
func Unassign(x *Tx, person, subject string) error {
	a, err := assignments.One(x, Eq("person", person), Eq("subject", subject))
	if fault.Is(err, fault.KindNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return assignments.Delete(x, a.ID)
}
