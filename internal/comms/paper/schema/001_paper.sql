-- 印刷の束: what is printed in one go, its envelopes in order, and the sheets of
-- each with the code that is printed on it.
CREATE TABLE paper_run (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  channel TEXT NOT NULL,
  person TEXT NOT NULL,
  state TEXT NOT NULL,
  envelopes BIGINT NOT NULL,
  sheets BIGINT NOT NULL,
  pdf TEXT NOT NULL,
  size BIGINT NOT NULL,
  prints BIGINT NOT NULL
);
CREATE INDEX paper_run_made ON paper_run (created_at, id);
CREATE INDEX paper_run_state ON paper_run (state, created_at, id);

CREATE TABLE paper_envelope (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  run_id TEXT NOT NULL,
  place BIGINT NOT NULL,
  package_id TEXT NOT NULL,
  item_id TEXT NOT NULL,
  fence BIGINT NOT NULL,
  party_id TEXT NOT NULL,
  owner_id TEXT NOT NULL,
  department_id TEXT NOT NULL,
  block BYTEA NOT NULL,
  number BYTEA NOT NULL,
  sheets BIGINT NOT NULL,
  state TEXT NOT NULL,
  closed_by TEXT NOT NULL,
  closed_at BIGINT NOT NULL,
  posted_by TEXT NOT NULL,
  posted_at BIGINT NOT NULL,
  reason BYTEA NOT NULL
);
CREATE UNIQUE INDEX paper_envelope_place ON paper_envelope (run_id, place);
CREATE INDEX paper_envelope_item ON paper_envelope (item_id, id);

CREATE TABLE paper_sheet (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  run_id TEXT NOT NULL,
  envelope_id TEXT NOT NULL,
  place BIGINT NOT NULL,
  code TEXT NOT NULL,
  document_id TEXT NOT NULL
);
CREATE UNIQUE INDEX paper_sheet_code ON paper_sheet (code);
CREATE INDEX paper_sheet_envelope ON paper_sheet (envelope_id, place);
CREATE INDEX paper_sheet_run ON paper_sheet (run_id, id);

-- 封筒の窓: where the address stands; one row.
CREATE TABLE paper_layout (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  left_mm BIGINT NOT NULL,
  top_mm BIGINT NOT NULL
);
