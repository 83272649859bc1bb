-- How a partner wants to receive documents, as it was recorded each time; the
-- latest counts.
CREATE TABLE party_choice (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  party_id TEXT NOT NULL,
  choice TEXT NOT NULL,
  address BYTEA NOT NULL,
  said_on DATE NOT NULL,
  said_by BYTEA NOT NULL,
  proof BYTEA NOT NULL,
  person TEXT NOT NULL,
  approver TEXT NOT NULL
);
CREATE INDEX party_choice_party ON party_choice (party_id, created_at, id);
