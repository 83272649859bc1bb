CREATE TABLE backup_run (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  generation TEXT NOT NULL,
  state TEXT NOT NULL,
  begun_by TEXT NOT NULL,
  begun_at BIGINT NOT NULL,
  ended_at BIGINT NOT NULL,
  size BIGINT NOT NULL,
  digest TEXT NOT NULL,
  log_size BIGINT NOT NULL,
  log_root TEXT NOT NULL,
  stored_rows BIGINT NOT NULL,
  blobs BIGINT NOT NULL,
  blobs_damaged BIGINT NOT NULL,
  recipients TEXT NOT NULL,
  reason TEXT NOT NULL
);
CREATE INDEX backup_run_begun ON backup_run (begun_at, id);
CREATE INDEX backup_run_state ON backup_run (state, begun_at, id);

CREATE TABLE backup_copy (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  run_id TEXT NOT NULL,
  generation TEXT NOT NULL,
  target TEXT NOT NULL,
  dir TEXT NOT NULL,
  state TEXT NOT NULL,
  arrived_at BIGINT NOT NULL,
  new_blobs BIGINT NOT NULL,
  new_bytes BIGINT NOT NULL,
  reason TEXT NOT NULL
);
CREATE UNIQUE INDEX backup_copy_place ON backup_copy (generation, target);
CREATE INDEX backup_copy_state ON backup_copy (target, state, arrived_at, id);
CREATE INDEX backup_copy_run ON backup_copy (run_id, id);

CREATE TABLE backup_seal (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  generation TEXT NOT NULL,
  is_open BOOLEAN NOT NULL,
  opened_by TEXT NOT NULL,
  reason BYTEA NOT NULL
);
