-- What the gate itself keeps: ids, times, hashes and sealed bytes only.
CREATE TABLE gate_meta (
  name TEXT PRIMARY KEY,
  value BYTEA NOT NULL
);
CREATE TABLE gate_data_key (
  unit TEXT PRIMARY KEY,
  kind TEXT NOT NULL,
  wrapped BYTEA NOT NULL,
  created_at BIGINT NOT NULL
) WITHOUT ROWID;
CREATE TABLE gate_assignment (
  id TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  record TEXT NOT NULL,
  mac BYTEA NOT NULL,
  person TEXT NOT NULL,
  subject TEXT NOT NULL
);
CREATE UNIQUE INDEX gate_assignment_pair ON gate_assignment (person, subject);
CREATE TABLE gate_idem (
  person TEXT NOT NULL,
  key_hash BYTEA NOT NULL,
  op TEXT NOT NULL,
  input_hash BYTEA NOT NULL,
  answer BYTEA NOT NULL,
  at BIGINT NOT NULL,
  PRIMARY KEY (person, key_hash)
) WITHOUT ROWID;
CREATE INDEX gate_idem_at ON gate_idem (at);
CREATE TABLE audit_pending (
  n BIGINT PRIMARY KEY,
  id TEXT NOT NULL,
  at BIGINT NOT NULL,
  body BYTEA NOT NULL,
  payload BYTEA NOT NULL,
  marks BYTEA NOT NULL,
  mac BYTEA NOT NULL
);
CREATE TABLE audit_log (
  leaf BIGINT PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  at BIGINT NOT NULL,
  person TEXT NOT NULL,
  op TEXT NOT NULL,
  outcome TEXT NOT NULL,
  kind TEXT NOT NULL,
  target TEXT NOT NULL,
  body BYTEA NOT NULL,
  payload BYTEA NOT NULL,
  marks BYTEA NOT NULL
);
CREATE INDEX audit_log_at ON audit_log (at);
CREATE INDEX audit_log_target ON audit_log (kind, target, leaf);
CREATE INDEX audit_log_person ON audit_log (person, leaf);
CREATE INDEX audit_log_op ON audit_log (op, leaf);
CREATE TABLE audit_tile (
  level BIGINT NOT NULL,
  n BIGINT NOT NULL,
  hashes BYTEA NOT NULL,
  PRIMARY KEY (level, n)
) WITHOUT ROWID;
CREATE TABLE audit_checkpoint (
  size BIGINT PRIMARY KEY,
  at BIGINT NOT NULL,
  note BYTEA NOT NULL
);
CREATE TABLE audit_sealer (
  name TEXT PRIMARY KEY,
  holder TEXT NOT NULL,
  fence BIGINT NOT NULL,
  until BIGINT NOT NULL
);
