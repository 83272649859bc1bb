-- What the rounds over log and rows found. A round like the one before only moves its end.
CREATE TABLE record_sweep (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  began_at BIGINT NOT NULL,
  ended_at BIGINT NOT NULL,
  rounds BIGINT NOT NULL,
  leaves BIGINT NOT NULL,
  rows_seen BIGINT NOT NULL,
  damaged BIGINT NOT NULL,
  found BYTEA NOT NULL
);
CREATE INDEX record_sweep_ended ON record_sweep (ended_at, id);
CREATE INDEX record_sweep_damaged ON record_sweep (damaged, ended_at, id);
