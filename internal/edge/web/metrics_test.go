package web_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"sekisho/internal/edge/web"
	"sekisho/internal/edge/web/webtest"
	"sekisho/internal/kernel/fault"
)

const metricsToken = "0123456789abcdef0123456789abcdef"

// watched serves a house with a token for its metrics, and a log to look at.
func watched(t *testing.T) (h *webtest.House, log *bytes.Buffer) {
	t.Helper()
	h = webtest.Open(t)
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(metricsToken+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	log = &bytes.Buffer{}
	h.App.Config.Server.MetricsToken = file
	h.App.Log = slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	pages, err := web.Handler(h.App, h.House)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(pages)
	t.Cleanup(s.Close)
	h.URL = s.URL
	return h, log
}

func metric(t *testing.T, url, token string) *http.Response {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, url+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	return res
}

// The counts can be read by Prometheus's own parser, say what happened, and name
// nobody.
func TestMetricsCountAndNameNobody(t *testing.T) {
	h, log := watched(t)
	c := h.Client(t, "sales", 0)
	person := h.Person("sales", 0)
	c.Get("/records")
	c.Get("/archive?partner=000101&number=見積もりの番号")
	c.Get("/no/such/取引先の名前")
	res := metric(t, h.URL, "Bearer "+metricsToken)
	if res.StatusCode != http.StatusOK {
		t.Fatal(res.Status)
	}
	var raw bytes.Buffer
	if _, err := raw.ReadFrom(res.Body); err != nil {
		t.Fatal(err)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	all, err := parser.TextToMetricFamilies(bytes.NewReader(raw.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"sekisho_http_requests_total", "sekisho_op_seconds", "sekisho_log_records", "sekisho_log_signed_timestamp_seconds", "sekisho_sessions_seen", "sekisho_outbound_sealed",
		"sekisho_build_info", "go_goroutines", "go_memstats_heap_alloc_bytes"} {
		if all[name] == nil {
			t.Error("there is no", name)
		}
	}
	if n := all["sekisho_log_records"].GetMetric()[0].GetGauge().GetValue(); n < 100 {
		t.Error("records", n)
	}
	for _, want := range []string{`sekisho_http_requests_total{route="GET /records",status="4xx"} 1`, `sekisho_http_requests_total{route="/",status="4xx"} 1`,
		`sekisho_op_seconds_count{op="record.search",outcome="denied"} 1`, `sekisho_op_seconds_count{op="identity.signin",outcome="ok"} 1`} {
		if !strings.Contains(raw.String(), want) {
			t.Error("missing:", want)
		}
	}
	for where, s := range map[string]string{"metrics": raw.String(), "log": log.String()} {
		for _, bad := range []string{person.ID, person.Login, person.Name, "000101", "見積", "取引先の名前", "127.0.0.1", metricsToken} {
			if strings.Contains(s, bad) {
				t.Errorf("%s name %q", where, bad)
			}
		}
	}
	if !strings.Contains(log.String(), `"msg":"request","route":"GET /archive","status":`) {
		t.Error("no line about a request")
	}
}

// Without the token there is nothing, also from this computer.
func TestMetricsWantTheToken(t *testing.T) {
	h, _ := watched(t)
	for _, token := range []string{"", "Bearer", "Bearer ", "Bearer x", "Basic " + metricsToken, metricsToken, "Bearer " + metricsToken + "0", "Bearer " + metricsToken[1:]} {
		if res := metric(t, h.URL, token); res.StatusCode != http.StatusNotFound {
			t.Errorf("%q: %d", token, res.StatusCode)
		}
	}
	if err := os.WriteFile(h.App.Config.Server.MetricsToken, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, token := range []string{"Bearer " + metricsToken, "Bearer "} { // an emptied file lets nobody in
		if res := metric(t, h.URL, token); res.StatusCode != http.StatusNotFound {
			t.Error("the file was emptied:", res.StatusCode)
		}
	}
	if _, err := web.Handler(h.App, h.House); !fault.Is(err, fault.KindUnavailable) {
		t.Error("a start with an empty token:", err)
	}
	plain := webtest.Open(t)
	if res := metric(t, plain.URL, "Bearer "+metricsToken); res.StatusCode != http.StatusNotFound {
		t.Error("metrics without a setting:", res.StatusCode)
	}
}
