-- Heads of invoices (請求書). run_id is "" for our own; rows of an import show
-- only when their run does. It stands behind the order in every index, so that a
-- page skips hidden rows without touching the table; amount, partner and
-- state lie there for the same reason. invoice_of_run leaves our own out, or SQLite would
-- take it for lists and sort them all.
CREATE TABLE invoice (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  state TEXT NOT NULL,
  number TEXT NOT NULL,
  date DATE NOT NULL,
  due DATE NOT NULL,
  amount BIGINT NOT NULL,
  base BIGINT NOT NULL,
  tax BIGINT NOT NULL,
  party_id TEXT NOT NULL,
  party_name BYTEA NOT NULL,
  subject BYTEA NOT NULL,
  owner_id TEXT NOT NULL,
  department_id TEXT NOT NULL,
  issued_by TEXT NOT NULL,
  issued_at BIGINT NOT NULL,
  snapshot TEXT NOT NULL,
  document_id TEXT NOT NULL,
  queued_at BIGINT NOT NULL,
  run_id TEXT NOT NULL
);
CREATE UNIQUE INDEX invoice_number ON invoice (number, run_id) WHERE number <> '';
CREATE INDEX invoice_by_number ON invoice (number, id, run_id);
CREATE INDEX invoice_date ON invoice (date, id, run_id, amount);
CREATE INDEX invoice_party ON invoice (party_id, date, id, run_id, amount);
CREATE INDEX invoice_department ON invoice (department_id, date, id, run_id, amount, party_id, state);
CREATE INDEX invoice_owner ON invoice (owner_id, date, id, run_id, amount, party_id, state);
CREATE INDEX invoice_amount ON invoice (amount, date, id, run_id);
CREATE INDEX invoice_state ON invoice (state, date, id, run_id);
CREATE INDEX invoice_of_run ON invoice (run_id, number) WHERE run_id <> '';

-- What an invoice says: the draft, and from its issue on the frozen snapshot.
CREATE TABLE invoice_content (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  fiscal_year TEXT NOT NULL,
  draft BYTEA NOT NULL,
  snapshot BYTEA NOT NULL
);

-- What is known here of an import run of open invoices.
CREATE TABLE invoice_run (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  state TEXT NOT NULL,
  invoices BIGINT NOT NULL
);
CREATE INDEX invoice_run_state ON invoice_run (state, id);
