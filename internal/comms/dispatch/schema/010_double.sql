CREATE TABLE dispatch_watched (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  person TEXT NOT NULL,
  from_on DATE NOT NULL,
  reason BYTEA NOT NULL,
  named_by TEXT NOT NULL,
  ended BOOLEAN NOT NULL,
  ended_on DATE NOT NULL,
  ended_by TEXT NOT NULL,
  ended_reason BYTEA NOT NULL,
  approver TEXT NOT NULL,
  slot TEXT NOT NULL
);
CREATE UNIQUE INDEX dispatch_watched_slot ON dispatch_watched (slot);
CREATE INDEX dispatch_watched_from ON dispatch_watched (from_on, id);
