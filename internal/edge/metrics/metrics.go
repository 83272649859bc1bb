// Package metrics counts what an operator watches: requests by route, ops by
// name and outcome, the log, the backups, the process. No label holds anything
// of a person or of the business: routes are patterns, never addresses.
package metrics

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"log/slog"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"sekisho/internal/kernel/fault"
)

// Reading is the state of the house at one moment. Times that are zero are left out.
type Reading struct {
	LogSize    int64     // records signed
	SignedAt   time.Time // of the newest signature
	LastBackup time.Time // arrival of the newest good copy, wherever it is
	Sessions   int       // seen since the last minute began
	Sealed     bool      // restored, and sends nothing yet
}

// Meter counts for one house.
type Meter struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	ops      *prometheus.HistogramVec
	log      *slog.Logger
}

// New makes a meter; read is asked whenever it is looked at.
func New(version string, log *slog.Logger, read func(context.Context) (Reading, error)) *Meter {
	m := &Meter{registry: prometheus.NewRegistry(), log: log,
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "sekisho_http_requests_total", Help: "Requests answered, by route pattern and class of status."}, []string{"route", "status"}),
		ops: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "sekisho_op_seconds", Help: "Time an op took at the gate, by name and way out.",
			Buckets: []float64{.001, .005, .02, .1, .5, 2, 10}}, []string{"op", "outcome"})}
	build := prometheus.NewGauge(prometheus.GaugeOpts{Name: "sekisho_build_info", Help: "Always 1; its label is the version.", ConstLabels: prometheus.Labels{"version": version}})
	build.Set(1)
	m.registry.MustRegister(m.requests, m.ops, build, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), house{read, log})
	return m
}

// Op counts one run of an op.
func (m *Meter) Op(name, outcome string, took time.Duration) {
	m.ops.WithLabelValues(name, outcome).Observe(took.Seconds())
}

// house reads the state of the house when it is collected.
type house struct {
	read func(context.Context) (Reading, error)
	log  *slog.Logger
}

var (
	descSize     = prometheus.NewDesc("sekisho_log_records", "Records in the log that are signed.", nil, nil)
	descSigned   = prometheus.NewDesc("sekisho_log_signed_timestamp_seconds", "When the log was last signed.", nil, nil)
	descBackup   = prometheus.NewDesc("sekisho_backup_last_good_timestamp_seconds", "When the newest good backup arrived; absent if there is none.", nil, nil)
	descSessions = prometheus.NewDesc("sekisho_sessions_seen", "Sessions used since the last minute began.", nil, nil)
	descSealed   = prometheus.NewDesc("sekisho_outbound_sealed", "1 while a restored house sends nothing.", nil, nil)
)

// Describe implements prometheus.Collector.
func (h house) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descSize, descSigned, descBackup, descSessions, descSealed} {
		out <- d
	}
}

// readWithin bounds what a look may wait for the database.
const readWithin = 5 * time.Second

// Collect implements prometheus.Collector.
func (h house) Collect(out chan<- prometheus.Metric) {
	ctx, stop := context.WithTimeout(context.Background(), readWithin)
	defer stop()
	r, err := h.read(ctx)
	if err != nil { // the rest is worth more than nothing, and that these are absent says enough
		h.log.Warn("the state of the house cannot be read for the metrics", "err", err)
		return
	}
	gauge := func(d *prometheus.Desc, v float64) { out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v) }
	at := func(d *prometheus.Desc, t time.Time) {
		if !t.IsZero() {
			gauge(d, float64(t.UnixMilli())/1000)
		}
	}
	gauge(descSize, float64(r.LogSize))
	at(descSigned, r.SignedAt)
	at(descBackup, r.LastBackup)
	gauge(descSessions, float64(r.Sessions))
	gauge(descSealed, map[bool]float64{true: 1, false: 0}[r.Sealed])
}

// tokenLeast is how many characters a token has at least.
const tokenLeast = 32

// Token reads the token of a file: Unavailable "app.metrics_token" when there is
// none, or one that could be guessed.
func Token(file string) (string, error) {
	b, err := os.ReadFile(file)
	if t := strings.TrimSpace(string(b)); err == nil && len(t) >= tokenLeast {
		return t, nil
	}
	return "", fault.Unavailable("app.metrics_token", "file", file, "least", tokenLeast).Because(err)
}

// Handler gives the counts to whoever shows the token in file. The file is read
// each time, so that a new token needs no restart. Without it the answer is as
// if there were nothing here.
func (m *Meter) Handler(file string) http.Handler {
	give := promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{ErrorLog: slog.NewLogLogger(m.log.Handler(), slog.LevelWarn)})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		want, err := Token(file)
		shown, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		a, b := sha256.Sum256([]byte(want)), sha256.Sum256([]byte(shown))
		if err != nil || !bearer || subtle.ConstantTimeCompare(a[:], b[:]) != 1 {
			http.NotFound(w, r)
			return
		}
		give.ServeHTTP(w, r)
	})
}

// Around counts every request and writes one line about it: its pattern, never
// its address, which may hold what somebody typed.
func (m *Meter) Around(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began, s := time.Now(), &seen{ResponseWriter: w}
		defer func() {
			route := r.Pattern // of the innermost mux
			if route == "" {
				route = "none"
			}
			m.requests.WithLabelValues(route, strconv.Itoa(s.status()/100)+"xx").Inc()
			level := slog.LevelDebug
			if s.status() >= http.StatusInternalServerError {
				level = slog.LevelInfo
			}
			m.log.Log(context.WithoutCancel(r.Context()), level, "request", "route", route, "status", s.status(), "ms", time.Since(began).Milliseconds(), "bytes", s.bytes)
		}()
		next.ServeHTTP(s, r)
	})
}

// seen remembers what was answered.
type seen struct {
	http.ResponseWriter
	code  int
	bytes int64
}

func (s *seen) status() int {
	if s.code == 0 {
		return http.StatusOK
	}
	return s.code
}

// WriteHeader implements http.ResponseWriter.
func (s *seen) WriteHeader(code int) {
	if s.code == 0 {
		s.code = code
	}
	s.ResponseWriter.WriteHeader(code)
}

// Write implements http.ResponseWriter.
func (s *seen) Write(b []byte) (int, error) {
	n, err := s.ResponseWriter.Write(b)
	s.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (s *seen) Unwrap() http.ResponseWriter { return s.ResponseWriter }
