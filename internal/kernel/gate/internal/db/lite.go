package db

import (
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"sync"
	"time"

	"github.com/ncruces/go-sqlite3"
	lite "github.com/ncruces/go-sqlite3/driver"
	_ "github.com/ncruces/go-sqlite3/embed"        // the engine itself
	_ "github.com/ncruces/go-sqlite3/vfs/adiantum" // encrypts file, WAL and temp files
	"github.com/tetratelabs/wazero"
)

var engine sync.Once

// useCache points the engine's compiler at a folder, once per process: the
// second start takes 30 ms instead of a second.
func useCache(dir string) (err error) {
	if dir == "" {
		return nil
	}
	engine.Do(func() {
		if err = os.MkdirAll(dir, 0o700); err != nil {
			return
		}
		var c wazero.CompilationCache
		if c, err = wazero.NewCompilationCacheWithDir(dir); err == nil {
			sqlite3.RuntimeConfig = wazero.NewRuntimeConfig().WithCompilationCache(c).WithMemoryLimitPages(4096)
		}
	})
	return err
}

// liteConn is one connection with the statements prepared on it; the driver
// keeps none, and preparing costs more than most statements run.
type liteConn struct {
	pool  *sql.DB
	c     *sql.Conn
	stmts map[string]*sql.Stmt
	free  chan *liteConn // where it goes back to
	used  time.Time
	begin string
}

// uri names a file whatever characters its path has.
func uri(path string) string { return "file:" + (&url.URL{Path: path}).EscapedPath() }

// connect opens one connection to one encrypted file. The key is set in the
// connect callback: it never stands in a DSN.
func connect(ctx context.Context, path string, key []byte, write bool, free chan *liteConn) (*liteConn, error) {
	pool, err := lite.Open(uri(path)+"?vfs=adiantum", func(c *sqlite3.Conn) error {
		if err := c.Exec(`PRAGMA hexkey='` + hex.EncodeToString(key) + `'`); err != nil {
			return errors.New("db: the key was not accepted") // never the statement's text
		}
		return c.Exec(`PRAGMA busy_timeout=5000; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;
			PRAGMA foreign_keys=ON; PRAGMA secure_delete=ON; PRAGMA temp_store=FILE; PRAGMA trusted_schema=OFF;
			PRAGMA cache_size=-16000; PRAGMA journal_size_limit=67108864; PRAGMA wal_autocheckpoint=4000`)
	})
	if err != nil {
		return nil, err
	}
	pool.SetMaxOpenConns(1)
	c, err := pool.Conn(ctx)
	if err != nil {
		_ = pool.Close()
		return nil, err
	}
	lc := &liteConn{pool: pool, c: c, stmts: map[string]*sql.Stmt{}, free: free, begin: "BEGIN IMMEDIATE", used: time.Now()}
	if !write {
		lc.begin = "BEGIN"
		if _, err := c.ExecContext(ctx, "PRAGMA query_only=ON"); err != nil {
			_ = lc.close()
			return nil, err
		}
	}
	return lc, nil
}

func (c *liteConn) close() error {
	for _, s := range c.stmts {
		_ = s.Close()
	}
	_ = c.c.Close()
	return c.pool.Close()
}

// SQLite takes $1 for a name and numbers it by its first appearance; ?1 is the
// number itself.
var dollar = regexp.MustCompile(`\$(\d+)`)

func (c *liteConn) stmt(ctx context.Context, q string) (*sql.Stmt, error) {
	if s := c.stmts[q]; s != nil {
		return s, nil
	}
	s, err := c.c.PrepareContext(ctx, dollar.ReplaceAllString(q, "?$1"))
	if err == nil {
		c.stmts[q] = s
	}
	return s, err
}

func (c *liteConn) exec(ctx context.Context, q string, args []any) (sql.Result, error) {
	s, err := c.stmt(ctx, q)
	if err != nil {
		return nil, err
	}
	return s.ExecContext(ctx, args...)
}

func (c *liteConn) query(ctx context.Context, q string, args []any) (*sql.Rows, error) {
	s, err := c.stmt(ctx, q)
	if err != nil {
		return nil, err
	}
	return s.QueryContext(ctx, args...)
}

// end commits or rolls back and gives the connection back. The caller's
// context may be over by now; the end of a transaction must still happen.
func (c *liteConn) end(how string) error {
	_, err := c.exec(context.Background(), how, nil)
	if err != nil && how == "COMMIT" {
		_, _ = c.exec(context.Background(), "ROLLBACK", nil)
	}
	c.used = time.Now()
	c.free <- c
	return err
}

func start(ctx context.Context, free chan *liteConn) (*Tx, error) {
	select {
	case c := <-free:
		if _, err := c.exec(ctx, c.begin, nil); err != nil {
			_, _ = c.exec(context.Background(), "ROLLBACK", nil) // whether it began is not known
			free <- c
			return nil, err
		}
		return &Tx{lite: c}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

const readers = 4

// liteDB is the main file with one writer (waiting happens in Go, not as
// SQLITE_BUSY) and four readers, and the access files.
type liteDB struct {
	dir  string
	key  []byte
	w, r chan *liteConn
	all  []*liteConn
	mu   sync.Mutex
	acc  map[string]*liteConn // by file name
}

func openLite(ctx context.Context, cfg Config) (*DB, error) {
	if len(cfg.Key) != 32 {
		return nil, errors.New("db: SQLite needs a key of 32 bytes")
	}
	if err := useCache(cfg.Cache); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, err
	}
	l := &liteDB{dir: cfg.Dir, key: cfg.Key, w: make(chan *liteConn, 1), r: make(chan *liteConn, readers), acc: map[string]*liteConn{}}
	for i := range readers + 1 {
		free := l.r
		if i == 0 {
			free = l.w
		}
		c, err := connect(ctx, filepath.Join(cfg.Dir, "sekisho.db"), cfg.Key, i == 0, free)
		if err != nil {
			_ = l.close()
			return nil, err
		}
		l.all = append(l.all, c)
		free <- c
	}
	return &DB{lite: l, Lite: true, cfg: cfg}, nil
}

func (l *liteDB) begin(ctx context.Context, mode Mode) (*Tx, error) {
	if mode == Write {
		return start(ctx, l.w)
	}
	return start(ctx, l.r)
}

func (l *liteDB) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var errs []error
	for _, c := range l.all {
		errs = append(errs, c.close())
	}
	for _, c := range l.acc {
		errs = append(errs, c.close())
	}
	l.all, l.acc = nil, nil
	return errors.Join(errs...)
}

// Access files hold the records of reading, one file a month, with a writer of
// their own: an import never holds up reading.
const accessSchema = `CREATE TABLE IF NOT EXISTS audit_pending (
	n INTEGER PRIMARY KEY, id TEXT NOT NULL, at INTEGER NOT NULL, body BLOB NOT NULL, payload BLOB NOT NULL, marks BLOB NOT NULL,
	mac BLOB NOT NULL
) STRICT`

func (l *liteDB) access(ctx context.Context, name string) (*Tx, error) {
	l.mu.Lock()
	c := l.acc[name]
	if c == nil {
		var err error
		c, err = connect(ctx, filepath.Join(l.dir, name), l.key, true, make(chan *liteConn, 1))
		if err == nil {
			_, err = c.c.ExecContext(ctx, accessSchema)
		}
		if err != nil {
			l.mu.Unlock()
			return nil, err
		}
		l.acc[name] = c
		c.free <- c
	}
	l.mu.Unlock()
	return start(ctx, c.free)
}

// BeginAccess begins on the access file of the month of at (UTC); on
// PostgreSQL it is an ordinary transaction.
func (d *DB) BeginAccess(ctx context.Context, at time.Time) (*Tx, error) {
	if !d.Lite {
		return d.Begin(ctx, Write)
	}
	return d.lite.access(ctx, fmt.Sprintf("access-%s.db", at.UTC().Format("200601")))
}

// EachAccess runs f in a transaction on every access file there is, oldest
// first; on PostgreSQL there is none.
func (d *DB) EachAccess(ctx context.Context, f func(*Tx) error) error {
	if !d.Lite {
		return nil
	}
	names, err := filepath.Glob(filepath.Join(d.cfg.Dir, "access-*.db"))
	if err != nil {
		return err
	}
	sort.Strings(names)
	for _, n := range names {
		t, err := d.lite.access(ctx, filepath.Base(n))
		if err != nil {
			return err
		}
		if err := f(t); err != nil {
			t.Rollback()
			return err
		}
		if err := t.Commit(); err != nil {
			return err
		}
	}
	return nil
}

// Copy writes a whole, consistent copy to dst, which must not exist, encrypted
// with key. (A plain VACUUM INTO would write it in the clear.)
func (d *DB) Copy(ctx context.Context, dst string, key []byte) error {
	if !d.Lite || len(key) != 32 {
		return errors.New("db: Copy is for SQLite and needs a key of 32 bytes")
	}
	c, err := connect(ctx, filepath.Join(d.cfg.Dir, "sekisho.db"), d.cfg.Key, true, nil)
	if err != nil {
		return err
	}
	defer c.close()
	if _, err := c.c.ExecContext(ctx, `VACUUM INTO ?1`, uri(dst)+"?vfs=adiantum&hexkey="+hex.EncodeToString(key)); err != nil {
		return errors.New("db: the copy could not be written") // the engine's text may hold the key
	}
	return nil
}
