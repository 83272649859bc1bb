CREATE TABLE job (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  op TEXT NOT NULL,
  input BYTEA NOT NULL,
  person TEXT NOT NULL,
  state TEXT NOT NULL,
  run_at BIGINT NOT NULL,
  attempts BIGINT NOT NULL,
  lease_until BIGINT NOT NULL,
  reason TEXT NOT NULL,
  caused_by TEXT NOT NULL
);
CREATE INDEX job_due ON job (state, run_at, id);
CREATE INDEX job_person ON job (person, id);
