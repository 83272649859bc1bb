package org

import (
	"slices"
	"strings"

	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/gate"
	"sekisho/internal/kernel/jp"
)

// DepartmentIn is a new department.
type DepartmentIn struct {
	Code   string `json:"code" required:"true" max:"20"`
	Name   string `json:"name" required:"true" max:"60"`
	Parent string `json:"parent"` // id, empty at the top
}

func departmentTarget(x *gate.Tx, id string) (gate.Target, error) {
	d, err := departments.Get(x, id)
	return gate.Target{Kind: "org_department", ID: d.ID, Department: d.ID}, err
}

// departmentLock is for all of them: they are few, and a ring of parents is seen
// only in all together.
const departmentLock = "org.department"

// DepartmentCreate adds a department.
var DepartmentCreate = gate.New(gate.Op[DepartmentIn, Department]{
	Name: "org.department_create", Mode: gate.Write,
	Alone: func(DepartmentIn) []string { return []string{departmentLock} },
	Target: func(*gate.Tx, DepartmentIn) (gate.Target, error) {
		return gate.Target{Kind: "org_department", ID: "new"}, nil
	},
	Do: func(x *gate.Tx, in DepartmentIn) (Department, error) {
		code, err := jp.ParseCode(in.Code)
		if err != nil {
			return Department{}, fault.Of(err).At("code")
		}
		d := Department{Code: code, Name: strings.TrimSpace(in.Name), Parent: in.Parent}
		if err := checkDepartment(x, d); err != nil {
			return d, err
		}
		return d, departments.Insert(x, &d)
	},
})

// checkDepartment looks at name, code and parent beside all other departments.
func checkDepartment(x *gate.Tx, d Department) error {
	if d.Name == "" {
		return fault.Invalid("gate.required", "field", "name").At("name")
	}
	all, err := Departments(x)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(all, func(o Department) bool { return o.Code == d.Code && o.ID != d.ID }) {
		return fault.Conflict("org.code_taken", "code", d.Code).At("code")
	}
	if d.Parent == "" {
		return nil
	}
	i := slices.IndexFunc(all, func(o Department) bool { return o.ID == d.Parent })
	switch {
	case i < 0 || !all[i].ClosedOn.IsZero():
		return fault.Invalid("org.no_parent").At("parent")
	case d.ID != "" && reaches(all, d.Parent, d.ID):
		return fault.Invalid("org.parent_ring").At("parent")
	}
	return nil
}

// DepartmentUpdateIn renames or moves a department.
type DepartmentUpdateIn struct {
	ID      string `json:"id" required:"true"`
	Version int64  `json:"version" required:"true"`
	Name    string `json:"name" required:"true" max:"60"`
	Parent  string `json:"parent"`
}

// DepartmentUpdate renames or moves a department; its code stays.
var DepartmentUpdate = gate.New(gate.Op[DepartmentUpdateIn, Department]{
	Name: "org.department_update", Mode: gate.Write,
	Alone:  func(DepartmentUpdateIn) []string { return []string{departmentLock} },
	Target: func(x *gate.Tx, in DepartmentUpdateIn) (gate.Target, error) { return departmentTarget(x, in.ID) },
	Do: func(x *gate.Tx, in DepartmentUpdateIn) (Department, error) {
		d, err := departments.Get(x, in.ID)
		if err != nil {
			return d, err
		}
		if !d.ClosedOn.IsZero() {
			return d, fault.Refused("org.department_closed")
		}
		d.Version, d.Name, d.Parent = in.Version, strings.TrimSpace(in.Name), in.Parent
		if err := checkDepartment(x, d); err != nil {
			return d, err
		}
		return d, departments.Update(x, &d)
	},
})

// DepartmentCloseIn closes a department.
type DepartmentCloseIn struct {
	ID     string `json:"id" required:"true"`
	Reason string `json:"reason"`
}

// DepartmentClose closes a department without open ones below it; what it has
// done stays under its name.
var DepartmentClose = gate.New(gate.Op[DepartmentCloseIn, Department]{
	Name: "org.department_close", Mode: gate.Write, Needs: gate.Needs{Reason: true},
	Alone:  func(DepartmentCloseIn) []string { return []string{departmentLock} },
	Target: func(x *gate.Tx, in DepartmentCloseIn) (gate.Target, error) { return departmentTarget(x, in.ID) },
	Do: func(x *gate.Tx, in DepartmentCloseIn) (Department, error) {
		d, err := departments.Get(x, in.ID)
		if err != nil {
			return d, err
		}
		all, err := Departments(x)
		if err != nil {
			return d, err
		}
		below := func(o Department) bool { return o.Parent == d.ID && o.ClosedOn.IsZero() }
		switch {
		case !d.ClosedOn.IsZero():
			return d, fault.Refused("org.department_closed")
		case slices.ContainsFunc(all, below):
			return d, fault.Refused("org.department_parent")
		}
		d.ClosedOn = civil.Of(x.Now())
		return d, departments.Update(x, &d)
	},
})

// DepartmentsOut are all departments.
type DepartmentsOut struct {
	Rows []Department `json:"rows"`
}

// DepartmentList gives all departments, closed ones too, by code.
var DepartmentList = gate.New(gate.Op[Nothing, DepartmentsOut]{
	Name: "org.department_list", Mode: gate.List,
	Target: func(*gate.Tx, Nothing) (gate.Target, error) {
		return gate.Target{Kind: "org_department", ID: "*"}, nil
	},
	Do: func(x *gate.Tx, _ Nothing) (DepartmentsOut, error) {
		all, err := Departments(x)
		slices.SortFunc(all, func(a, b Department) int { return strings.Compare(a.Code, b.Code) })
		return DepartmentsOut{all}, err
	},
})

// HolidayIn sets or takes back a day off.
type HolidayIn struct {
	Date   civil.Date `json:"date" required:"true"`
	Name   string     `json:"name" max:"60"`
	Remove bool       `json:"remove"`
}

// HolidayOut is what the company now has on that day.
type HolidayOut struct {
	Date     civil.Date `json:"date" class:"internal"`
	Name     string     `json:"name" class:"internal"`     // "" if taken back
	National string     `json:"national" class:"internal"` // name of the national holiday, "" if none
}

// HolidaySet sets, renames or takes back a day off of the company (会社休日).
var HolidaySet = gate.New(gate.Op[HolidayIn, HolidayOut]{
	Name: "org.holiday_set", Mode: gate.Write,
	Alone: func(in HolidayIn) []string { return []string{"org.holiday/" + in.Date.String()} },
	Target: func(_ *gate.Tx, in HolidayIn) (gate.Target, error) {
		return gate.Target{Kind: "org_holiday", ID: in.Date.String()}, nil
	},
	Do: func(x *gate.Tx, in HolidayIn) (HolidayOut, error) {
		out := HolidayOut{Date: in.Date}
		var err error
		if out.National, err = civil.Holiday(in.Date); err != nil {
			return out, fault.Of(err).At("date")
		}
		there, err := holidays.Find(x, gate.Eq("day", in.Date))
		switch {
		case err != nil:
			return out, err
		case in.Remove && len(there) == 0:
			return out, fault.Refused("org.no_holiday")
		case in.Remove:
			return out, holidays.Delete(x, there[0].ID)
		case strings.TrimSpace(in.Name) == "":
			return out, fault.Invalid("gate.required", "field", "name").At("name")
		}
		out.Name = strings.TrimSpace(in.Name)
		if len(there) == 0 {
			return out, holidays.Insert(x, &Holiday{Date: in.Date, Name: out.Name})
		}
		there[0].Name = out.Name
		return out, holidays.Update(x, &there[0])
	},
})

// HolidaysIn asks for the days off of one year.
type HolidaysIn struct {
	Year int `json:"year" required:"true"`
}

// HolidaysOut are they, in order.
type HolidaysOut struct {
	Rows []Holiday `json:"rows"`
}

// HolidayList gives the company's days off in a year.
var HolidayList = gate.New(gate.Op[HolidaysIn, HolidaysOut]{
	Name: "org.holiday_list", Mode: gate.List,
	Target: func(*gate.Tx, HolidaysIn) (gate.Target, error) {
		return gate.Target{Kind: "org_holiday", ID: "*"}, nil
	},
	Do: func(x *gate.Tx, in HolidaysIn) (HolidaysOut, error) {
		first, err := civil.New(in.Year, 1, 1)
		if err != nil {
			return HolidaysOut{}, fault.Of(err).At("year")
		}
		rows, err := holidays.Find(x, gate.Ge("day", first), gate.Le("day", first.AddMonths(12).AddDays(-1)))
		slices.SortFunc(rows, func(a, b Holiday) int { return a.Date.Compare(b.Date) })
		return HolidaysOut{rows}, err
	},
})
