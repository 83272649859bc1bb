-- Addresses for life. What is to be looked at again stands on the point itself,
-- so that a package bound to it is checked anew. A proof is how an addressee
-- confirmed an address; a merge keeps what it moved, to be undone.
ALTER TABLE party_point ADD COLUMN review TEXT NOT NULL DEFAULT '';
ALTER TABLE party_point ADD COLUMN review_on DATE NOT NULL DEFAULT '';
ALTER TABLE party_point ADD COLUMN renewed_at BIGINT NOT NULL DEFAULT 0;
CREATE INDEX party_point_review ON party_point (review, id);

CREATE TABLE party_proof (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  party_id TEXT NOT NULL,
  point_id TEXT NOT NULL,
  contact_id TEXT NOT NULL,
  way TEXT NOT NULL,
  state TEXT NOT NULL,
  locator TEXT NOT NULL,
  hash TEXT NOT NULL,
  address BYTEA NOT NULL,
  ends_at BIGINT NOT NULL,
  asked_by TEXT NOT NULL,
  given_at BIGINT NOT NULL,
  ip BYTEA NOT NULL,
  agent BYTEA NOT NULL,
  detail BYTEA NOT NULL,
  bytes_digest TEXT NOT NULL
);
CREATE UNIQUE INDEX party_proof_locator ON party_proof (locator);
CREATE INDEX party_proof_party ON party_proof (party_id, created_at, id);
CREATE INDEX party_proof_point ON party_proof (point_id, id);

CREATE TABLE party_merge (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  keep_id TEXT NOT NULL,
  gone_id TEXT NOT NULL,
  slot TEXT NOT NULL,
  was_state TEXT NOT NULL,
  gone_version BIGINT NOT NULL,
  moved BYTEA NOT NULL,
  reason BYTEA NOT NULL,
  merged_on DATE NOT NULL,
  person TEXT NOT NULL,
  approver TEXT NOT NULL,
  undone_on DATE NOT NULL,
  undone_by TEXT NOT NULL
);
CREATE UNIQUE INDEX party_merge_gone ON party_merge (gone_id, slot);
CREATE INDEX party_merge_keep ON party_merge (keep_id, id);
CREATE INDEX party_merge_on ON party_merge (slot, merged_on, id);
