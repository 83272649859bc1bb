package page

import "github.com/go-json-experiment/json"

// Ask runs an op by its name, for those that a house makes with its own settings
// and so are no value of a package. Out is what the op gives.
func Ask[Out any](q *Req, op string, in any) (Out, error) {
	var out Out
	raw, err := json.Marshal(in)
	if err != nil {
		return out, err
	}
	done, err := q.House.Front.Admit(q.Request, q.Cred, op)
	if err != nil {
		return out, err
	}
	defer done()
	b, err := q.House.Gate.JSON(q.Context(), q.once(op), op, raw)
	if err != nil {
		return out, err
	}
	return out, json.Unmarshal(b, &out)
}
