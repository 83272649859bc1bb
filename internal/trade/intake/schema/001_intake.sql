-- 取込: one row per file, and one per slice it was written in. Which rows came
-- from which line stands, sealed, in the slices.
CREATE TABLE intake (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  kind TEXT NOT NULL,
  state TEXT NOT NULL,
  owner_id TEXT NOT NULL,
  name BYTEA NOT NULL,
  digest TEXT NOT NULL,
  size BIGINT NOT NULL,
  encoding TEXT NOT NULL,
  why TEXT NOT NULL,
  header_line BIGINT NOT NULL,
  mapping BYTEA NOT NULL,
  totals BYTEA NOT NULL,
  issues TEXT NOT NULL,
  issue_count BIGINT NOT NULL,
  slices BIGINT NOT NULL,
  done BIGINT NOT NULL,
  uses BYTEA NOT NULL,
  in_charge TEXT NOT NULL,
  department_id TEXT NOT NULL,
  reason TEXT NOT NULL,
  blocks BYTEA NOT NULL,
  published_at BIGINT NOT NULL
);
CREATE INDEX intake_created ON intake (created_at, id);
CREATE INDEX intake_owner ON intake (owner_id, created_at, id);
CREATE INDEX intake_state ON intake (state, created_at, id);
CREATE INDEX intake_digest ON intake (digest);

CREATE TABLE intake_slice (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  run_id TEXT NOT NULL,
  no BIGINT NOT NULL,
  content TEXT NOT NULL,
  first_id TEXT NOT NULL,
  last_id TEXT NOT NULL,
  refs BYTEA NOT NULL
);
CREATE UNIQUE INDEX intake_slice_run ON intake_slice (run_id, no);
CREATE INDEX intake_slice_ids ON intake_slice (first_id, last_id);
