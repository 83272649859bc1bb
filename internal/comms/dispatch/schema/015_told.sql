-- 案内状: which partners were told that documents come by link, by which way.
CREATE TABLE dispatch_told (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  party_id TEXT NOT NULL,
  way TEXT NOT NULL,
  package_id TEXT NOT NULL,
  told_on DATE NOT NULL,
  person TEXT NOT NULL,
  reason BYTEA NOT NULL
);
CREATE INDEX dispatch_told_party ON dispatch_told (party_id, created_at, id);
CREATE INDEX dispatch_link_party ON dispatch_link (party_id, id);
