package civil

import (
	"maps"
	"time"
)

// IsBankDay tells whether banks do business on d: not on Saturday, Sunday, a
// holiday, or from 12-31 to 01-03 (銀行法15条1項, 銀行法施行令5条1項). It applies
// today's rule to all years. Errors are those of Holiday.
func IsBankDay(d Date) (bool, error) {
	name, err := Holiday(d)
	if err != nil {
		return false, err
	}
	newYear := d.month == 12 && d.day == 31 || d.month == 1 && d.day <= 3
	return name == "" && !newYear && !isWeekend(d), nil
}

func isWeekend(d Date) bool {
	return d.Weekday() == time.Saturday || d.Weekday() == time.Sunday
}

// Calendar is the calendar of the banks with a company's own days off. The zero
// Calendar is that of the banks alone.
type Calendar struct{ off map[Date]bool }

// Closed gives a calendar with further days off (会社休日).
func (c Calendar) Closed(days ...Date) Calendar {
	off := make(map[Date]bool, len(c.off)+len(days))
	maps.Copy(off, c.off)
	for _, d := range days {
		off[d] = true
	}
	return Calendar{off}
}

// Open tells whether d is a working day. Errors are those of Holiday.
func (c Calendar) Open(d Date) (bool, error) {
	open, err := IsBankDay(d)
	return open && !c.off[d], err
}

// Shift moves a day that is not open as s says; an open day stays. Errors are
// those of Holiday, and fault.Invalid for an unknown shift.
func (c Calendar) Shift(d Date, s Shift) (Date, error) {
	step, err := s.step()
	if err != nil || step == 0 {
		return d, err
	}
	for {
		open, err := c.Open(d)
		if err != nil {
			return Date{}, err
		}
		if open {
			return d, nil
		}
		d = d.AddDays(step)
	}
}
