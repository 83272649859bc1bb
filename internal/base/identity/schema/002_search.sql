CREATE TABLE identity_search (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  person_id TEXT NOT NULL,
  page TEXT NOT NULL,
  name BYTEA NOT NULL,
  query BYTEA NOT NULL
);
CREATE INDEX identity_search_person ON identity_search (person_id, page, id);
