CREATE TABLE rule (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  department_id TEXT NOT NULL,
  limit_yen BIGINT NOT NULL,
  set_by TEXT NOT NULL
);
