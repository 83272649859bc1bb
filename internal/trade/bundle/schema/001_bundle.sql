-- 他のソフトで作った書類: one row per upload, one per document found in it, one
-- per page or line of the list that is in no document.
CREATE TABLE bundle (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  state TEXT NOT NULL,
  owner_id TEXT NOT NULL,
  name BYTEA NOT NULL,
  digest TEXT NOT NULL,
  files BYTEA NOT NULL,
  list_name BYTEA NOT NULL,
  list_digest TEXT NOT NULL,
  list_count BIGINT NOT NULL,
  list_total BIGINT NOT NULL,
  pages BIGINT NOT NULL,
  documents BIGINT NOT NULL,
  entries BIGINT NOT NULL,
  done BIGINT NOT NULL,
  plan TEXT NOT NULL,
  reason TEXT NOT NULL,
  published_at BIGINT NOT NULL
);
CREATE INDEX bundle_created ON bundle (created_at, id);
CREATE INDEX bundle_owner ON bundle (owner_id, created_at, id);
CREATE INDEX bundle_state ON bundle (state, created_at, id);
CREATE INDEX bundle_digest ON bundle (digest);

CREATE TABLE bundle_item (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  run_id TEXT NOT NULL,
  no BIGINT NOT NULL,
  state TEXT NOT NULL,
  source BIGINT NOT NULL,
  pages BYTEA NOT NULL,
  whole BOOLEAN NOT NULL,
  digest TEXT NOT NULL,
  size BIGINT NOT NULL,
  said BYTEA NOT NULL,
  lacks BYTEA NOT NULL,
  line BYTEA NOT NULL,
  chosen BYTEA NOT NULL,
  findings BYTEA NOT NULL,
  code TEXT NOT NULL,
  party_id TEXT NOT NULL,
  number TEXT NOT NULL,
  doc_date DATE NOT NULL,
  amount BIGINT NOT NULL,
  listed BOOLEAN NOT NULL,
  document_id TEXT NOT NULL,
  decided_by TEXT NOT NULL,
  reason BYTEA NOT NULL
);
CREATE UNIQUE INDEX bundle_item_run ON bundle_item (run_id, no);
CREATE INDEX bundle_item_state ON bundle_item (run_id, state, no);
CREATE INDEX bundle_item_number ON bundle_item (run_id, number);
CREATE INDEX bundle_item_document ON bundle_item (document_id);

CREATE TABLE bundle_rest (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  run_id TEXT NOT NULL,
  no BIGINT NOT NULL,
  source BIGINT NOT NULL,
  page BIGINT NOT NULL,
  page_like BIGINT NOT NULL,
  said BYTEA NOT NULL,
  mark_no BIGINT NOT NULL,
  mark_of BIGINT NOT NULL,
  line BYTEA NOT NULL,
  why TEXT NOT NULL,
  settled TEXT NOT NULL,
  item_id TEXT NOT NULL,
  decided_by TEXT NOT NULL,
  reason BYTEA NOT NULL
);
CREATE UNIQUE INDEX bundle_rest_run ON bundle_rest (run_id, no);
CREATE INDEX bundle_rest_settled ON bundle_rest (run_id, settled, no);
