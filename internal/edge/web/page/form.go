package page

import (
	"io"
	"mime/multipart"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"golang.org/x/text/unicode/norm"

	"sekisho/internal/kernel/civil"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/money"
)

// How people write a day of a month, and what they put around an amount; made
// once, since a form may have hundreds of them.
var (
	monthDay = strings.NewReplacer("月", "/", "日", "", "-", "/")
	bareYen  = strings.NewReplacer("▲", "-", "△", "-", "¥", "", "円", "", ",", "", " ", "")
)

// ReadDate reads a date as people write it; a month and day alone are those
// nearest to today.
func ReadDate(s string, today civil.Date) (civil.Date, error) {
	s = strings.TrimSpace(norm.NFKC.String(s))
	if s == "" {
		return civil.Date{}, nil
	}
	if m, d, ok := strings.Cut(monthDay.Replace(s), "/"); ok && !strings.Contains(d, "/") {
		month, err := strconv.Atoi(m)
		day, err2 := strconv.Atoi(d)
		if err == nil && err2 == nil && month >= 1 && month <= 12 {
			return nearest(month, day, today)
		}
	}
	return civil.ParseLoose(s)
}

func nearest(month, day int, today civil.Date) (civil.Date, error) {
	var best civil.Date
	for year := today.Year() - 1; year <= today.Year()+1; year++ {
		d, err := civil.ParseLoose(strconv.Itoa(year) + "/" + strconv.Itoa(month) + "/" + strconv.Itoa(day))
		if err == nil && (best.IsZero() || distance(today, d) < distance(today, best)) {
			best = d
		}
	}
	if best.IsZero() {
		return civil.ParseLoose(strconv.Itoa(today.Year()) + "/" + strconv.Itoa(month) + "/" + strconv.Itoa(day))
	}
	return best, nil
}

func distance(a, b civil.Date) int {
	n := a.DaysUntil(b)
	return max(n, -n)
}

// ReadYen reads an amount as people write it: 1,234 ¥１２３４ ▲500 500円.
func ReadYen(s string) (money.Yen, error) {
	s = bareYen.Replace(norm.NFKC.String(s))
	if s == "" {
		return 0, nil
	}
	return money.ParseYen(s)
}

// Date is a date of the form or the address; what is wrong with it is said at
// that field.
func (q *Req) Date(name string) (civil.Date, error) {
	d, err := ReadDate(q.value(name), civil.Of(q.House.Gate.Now()))
	if err != nil {
		return d, fault.Of(err).At(name)
	}
	return d, nil
}

// Yen is an amount of the form or the address.
func (q *Req) Yen(name string) (money.Yen, error) {
	y, err := ReadYen(q.value(name))
	if err != nil {
		return y, fault.Of(err).At(name)
	}
	return y, nil
}

// Int is a whole number of the form: 0 when it is none.
func (q *Req) Int(name string) int64 {
	n, _ := strconv.ParseInt(q.value(name), 10, 64)
	return n
}

func (q *Req) value(name string) string {
	if q.Form != nil && q.Form.Has(name) {
		return q.Form.Get(name)
	}
	return q.Query(name)
}

// Today is the civil date in Japan.
func (q *Req) Today() civil.Date { return civil.Of(q.House.Gate.Now()) }

// File is an uploaded file, whole; fault.Invalid "web.no_file" when there is none.
func (q *Req) File(name string) (content []byte, filename string, err error) {
	if q.MultipartForm == nil || len(q.MultipartForm.File[name]) == 0 {
		return nil, "", fault.Invalid("web.no_file").At(name)
	}
	head := q.MultipartForm.File[name][0]
	f, err := head.Open()
	if err != nil {
		return nil, "", err
	}
	defer f.Close()
	content, err = read(f)
	return content, head.Filename, err
}

func read(f multipart.File) ([]byte, error) { return io.ReadAll(io.LimitReader(f, maxUpload)) }

// JSON is an answer for a script of the pages.
func JSON(v any) (Answer, error) {
	b, err := json.Marshal(v)
	return Answer{Bytes: b, Media: "application/json"}, err
}
