CREATE TABLE document (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  kind TEXT NOT NULL,
  direction TEXT NOT NULL,
  party_id TEXT NOT NULL,
  number TEXT NOT NULL,
  amount BIGINT NOT NULL,
  doc_date DATE NOT NULL,
  name BYTEA NOT NULL,
  media TEXT NOT NULL,
  digest BYTEA NOT NULL,
  digest_x BYTEA NOT NULL,
  size BIGINT NOT NULL,
  class TEXT NOT NULL,
  retain_until DATE NOT NULL,
  owner_id TEXT NOT NULL,
  department_id TEXT NOT NULL,
  former_id TEXT NOT NULL,
  latter_id TEXT NOT NULL,
  reason BYTEA NOT NULL
);
CREATE INDEX document_date ON document (doc_date, id);
CREATE INDEX document_amount ON document (amount, doc_date, id);
CREATE INDEX document_party ON document (party_id, doc_date, id);
CREATE INDEX document_number ON document (number, doc_date, id);
CREATE INDEX document_kind ON document (kind, doc_date, id);
CREATE INDEX document_department ON document (department_id, doc_date, id);
CREATE INDEX document_owner ON document (owner_id, doc_date, id);
CREATE INDEX document_digest ON document (digest_x);
CREATE INDEX document_former ON document (former_id, id);
