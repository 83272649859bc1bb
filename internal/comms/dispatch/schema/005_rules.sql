CREATE TABLE dispatch_rule (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  rule TEXT NOT NULL,
  value BIGINT NOT NULL,
  from_on DATE NOT NULL,
  reason BYTEA NOT NULL,
  person TEXT NOT NULL,
  approver TEXT NOT NULL,
  weakens BOOLEAN NOT NULL
);
CREATE INDEX dispatch_rule_from ON dispatch_rule (from_on, id);

CREATE TABLE dispatch_version (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  package_id TEXT NOT NULL,
  digest TEXT NOT NULL,
  request_id TEXT NOT NULL,
  content BYTEA NOT NULL
);
CREATE UNIQUE INDEX dispatch_version_digest ON dispatch_version (package_id, digest);

ALTER TABLE dispatch_check ADD COLUMN friction TEXT NOT NULL DEFAULT '';
ALTER TABLE dispatch_check ADD COLUMN rules BIGINT NOT NULL DEFAULT 0;
