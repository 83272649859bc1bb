package web_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"sekisho/internal/edge/web/webtest"
)

// program calls ops with the session of a client of the pages.
func program(t *testing.T, c *webtest.Client, op string, in, out any) {
	t.Helper()
	raw, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequest(http.MethodPost, c.Base+"/api/v1/"+op, bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse(c.Base)
	for _, k := range c.Jar.Cookies(u) {
		if k.Name == "sid" {
			req.Header.Set("Authorization", "Bearer "+k.Value)
		}
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := (&http.Client{Timeout: time.Minute}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var b bytes.Buffer
	if _, err := b.ReadFrom(res.Body); err != nil || res.StatusCode != http.StatusOK {
		t.Fatal(op, res.StatusCode, b.String(), err)
	}
	if err := json.Unmarshal(b.Bytes(), out); err != nil {
		t.Fatal(err)
	}
}

// imported uploads a file of n partners.
func imported(t *testing.T, c *webtest.Client, n int) (run string) {
	t.Helper()
	var file strings.Builder
	file.WriteString("得意先コード,得意先名,フリガナ\n")
	for i := range n {
		fmt.Fprintf(&file, "7%05d,試験商店%d,シケンショウテン\n", i, i)
	}
	var up struct {
		ID string `json:"id"`
	}
	program(t, c, "intake.upload", map[string]any{"kind": "partners", "name": "たくさん.csv", "content": []byte(file.String())}, &up)
	return up.ID
}

// A bar of progress moves by itself while an import is written, and the page
// says in words how it ended.
func TestProgressMovesByItself(t *testing.T) {
	const rows = 4000
	h := webtest.Open(t)
	c := h.Client(t, "accounting", 1)
	run := imported(t, c, rows)
	b := h.Tab(t).As("accounting", 0)
	b.Go("/jobs")
	b.See("たくさん.csv", "開始前", "成功")
	bar := "document.querySelector('progress[data-events$=\"" + run + "/events\"]')"
	b.JS("window.steps=new Set();window.words=new Set();window.bar=" + bar + ";(function f(){if(window.bar.isConnected){steps.add(bar.value);words.add(bar.nextSibling.textContent);requestAnimationFrame(f)}})();''")
	program(t, c, "intake.start", map[string]any{"run": run, "expect": map[string]any{"rows": rows}}, &struct{}{})
	b.Until("window.steps===undefined || (window.bar.max===" + fmt.Sprint(rows) + " && window.steps.size>1)")
	if moved := b.JS("String(window.steps?.size ?? 0)"); moved == "0" {
		t.Error("the page was loaded again before its bar moved")
	}
	b.Until("document.body.innerText.includes('4,000件中4,000件') && !" + bar)
	b.See("成功")
	look(b, "jobs")
	b.Go("/jobs?state=failed")
	b.See("処理はありません")
}

// Events are a stream that ends; strangers get none, and nobody many at once.
func TestEventsAreForWhoMaySee(t *testing.T) {
	h := webtest.Open(t)
	c := h.Client(t, "accounting", 0)
	run := imported(t, c, 3)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	open := func() *http.Response {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, h.URL+"/jobs/run/"+run+"/events", nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := (&http.Client{Jar: c.Jar}).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { res.Body.Close() })
		return res
	}
	for n := range 5 {
		res := open()
		if n == 4 {
			if res.StatusCode != http.StatusTooManyRequests {
				t.Error("a fifth stream of one person:", res.StatusCode)
			}
			continue
		}
		line, err := bufio.NewReader(res.Body).ReadString('\n')
		if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "text/event-stream" || !strings.HasPrefix(line, `data: {"value":0,"max":0,"text":"開始前","last":false}`) || err != nil {
			t.Error(res.Status, res.Header, line, err)
		}
	}
	stop()
	for _, role := range []string{"sales", "admin"} {
		if r := h.Client(t, role, 0).Get("/jobs/run/" + run + "/events"); r.Status != http.StatusForbidden || strings.Contains(r.Body, "data:") {
			t.Error(role, r.Status)
		}
	}
	for _, path := range []string{"/jobs/run/nonsense/events", "/jobs/nonsense/events"} {
		if r := h.Client(t, "accounting", 2).Get(path); r.Status != http.StatusNotFound {
			t.Error(path, r.Status)
		}
	}
	if r := h.Client(t, "accounting", 2).Post("/jobs/nonsense/retry"); r.Status != http.StatusNotFound {
		t.Error("a job there is not", r.Status)
	}
	if b, err := os.ReadFile("static/job.js"); err != nil || len(b) > 2000 {
		t.Error("the script of progress has grown", len(b), err)
	}
}

// One's own jobs are there, others' look like none.
func TestOthersJobsAreNotThere(t *testing.T) {
	h := webtest.Open(t)
	var all struct {
		Jobs []struct {
			ID     string `json:"id"`
			Person string `json:"person"`
		} `json:"jobs"`
	}
	program(t, h.Client(t, "admin", 0), "job.list", struct{}{}, &all)
	mine := h.Person("accounting", 0).ID
	c := h.Client(t, "accounting", 0)
	other := 0
	for _, j := range all.Jobs {
		if j.Person == mine {
			continue
		}
		other++
		if r := c.Get("/jobs/" + j.ID + "/events"); r.Status != http.StatusNotFound {
			t.Error("another's job", r.Status)
		}
		if other == 3 {
			break
		}
	}
	if other == 0 {
		t.Error("the demo has no jobs of others")
	}
}
