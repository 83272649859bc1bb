CREATE TABLE backup_later (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  until BIGINT NOT NULL,
  put_off_by TEXT NOT NULL,
  reason BYTEA NOT NULL
);
CREATE INDEX backup_later_until ON backup_later (until, id);
